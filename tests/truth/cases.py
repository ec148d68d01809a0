"""The table: what was streamed, what is final, how it ends, and what a caller must have of it.

Sources: the texts and ends are one example each of a kind; what is expected follows the promise that an answer is the
site's own final text, whole, or an error that says why not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

from langchain_core.messages import AIMessage
from scripted import rest
from scripted import steps as s
from scripted.server import Reply

from truth.outcomes import Either, Expected, Fails, Replaced, Says

REST, CHUNK, DELTA = "rest", "gateway", "delta"
ALL = (REST, CHUNK, DELTA)
GATEWAY = (CHUNK, DELTA)

TEXT = "Paris is big."
LIMIT = s.USAGE_LIMIT
MODES = Reply.of(
    {
        "modes": [
            {"id": "auto", "title": "Auto", "availability": {"available": {}}},
            {"id": "fast", "title": "Fast", "availability": {"available": {}}},
            {
                "id": "heavy",
                "title": "Heavy",
                "availability": {"requiresUpgrade": {"message": "", "minimumSubscriptionTier": "TIER_SUPERGROK_HEAVY"}},
            },
        ],
        "defaultModeId": "auto",
    }
)


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        id: Its name.
        steps: What happens, on every wire.
        expect: What a caller has.
        wires: Where it can happen: `rest`, and the gateway's two dialects.
        before: What comes on the gateway before the answer is created.
        unbegun: Whether the gateway never creates one.
        replies: To further requests, and to the turn itself where `steps` is empty.
        refusal: In place of the turn's stream, and of the socket.
        settings: Of the model.
    """

    id: str
    steps: Sequence[s.Step]
    expect: Expected
    wires: Sequence[str] = ALL
    before: Sequence[s.Step] = ()
    unbegun: bool = False
    replies: Mapping[str, Reply | list[Reply]] = field(default_factory=dict)
    refusal: Reply | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def texts(*pieces: str) -> list[s.Step]:
    return [s.Text(piece) for piece in pieces]


def contradiction(name: str, pieces: Sequence[str], final: str, wires: Sequence[str] = ALL) -> Case:
    """The final text is another than the streamed one, and comes when that has been read."""
    streamed = "".join(pieces)
    return Case(name, [*texts(*pieces), s.Seen(), s.Final(final)], Replaced(final, streamed), wires)


def same(name: str, pieces: Sequence[str], final: str, text: str = TEXT, *, loosely: bool = False, **more: Any) -> Case:
    """The final text is the streamed one, whatever it looks like."""
    return Case(name, [*texts(*pieces), s.Final(final)], Says(text, loosely=loosely), **more)


def tag(card_id: str = "a1b2c3") -> str:
    return (
        f'<grok:render card_id="{card_id}" card_type="citation_card" type="render_inline_citation">'
        '<argument name="citation_id">9</argument></grok:render>'
    )


CARD = (
    "<xai:tool_usage_card>\n  <xai:tool_usage_card_id>c5ff</xai:tool_usage_card_id>\n"
    '  <xai:tool_name>web_search</xai:tool_name>\n  <xai:tool_args><![CDATA[{"query":"x"}]]></xai:tool_args>\n'
    "</xai:tool_usage_card>"
)
FENCED = f"Write:\n```xml\n{tag()}\n```\nso."
ARTIFACT = '<xaiArtifact artifact_id="a1" title="t" contentType="text/plain">print(1)</xaiArtifact>'

# --- the final text is the truth (design 7, first point)

FINAL_TEXT = [
    contradiction("opposite", ["Take ", "this drug."], "Take NOT more than 3 of this drug."),
    contradiction("lost-frame", ["One ", "three."], "One two three."),
    contradiction("lost-first-frame", ["two ", "three."], "One two three."),
    contradiction("lost-frames-and-tail", ["One ", "three "], "One two three four."),
    contradiction("token-twice", ["One ", "One ", "two."], "One two."),
    contradiction("tokens-swapped", ["One ", "three ", "two."], "One two three."),
    contradiction("withdrawn-tail", ["Yes.", " Never mind."], "Yes."),
    contradiction("replaced-whole", ["I can ", "help with that."], "Sorry, I cannot help with that."),
    contradiction("one-letter", ["You may ", "eat it."], "You may heat it."),
    contradiction("a-number", ["It costs ", "35 euros."], "It costs 3.5 euros."),
    contradiction("upper-case", ["It is ", "us."], "It is US."),
    contradiction("a-minus", ["x = ", "5"], "x = -5"),
    contradiction("blank-within-a-word", ["He is now ", "here."], "He is nowhere."),
    contradiction("another-language", ["Yes, ", "it is."], "是的。"),
    contradiction("tail-that-is-no-tail", ["One ", "two"], "One too, three."),
    same("same", ["Paris ", "is big."], TEXT),
    same("missing-tail", ["Paris ", "is"], TEXT),
    same("missing-tail-after-blank", ["Paris ", "is "], TEXT),
    same("only-final", [], TEXT),
    same("empty-final", ["Paris ", "is big."], ""),
    same("blank-final", ["Paris ", "is big."], " \n"),
    same("white-space", ["Paris \n\n", "is  big."], "Paris\nis big.", loosely=True),
    same("no-break-space", ["Paris\u00a0", "is big."], TEXT, loosely=True),
    same("trailing-line-break", ["Paris ", "is big.\n"], TEXT, loosely=True),
    same("leading-line-break", ["\n\nParis ", "is big."], TEXT, loosely=True),
    same("crlf", ["Paris\r\n", "is big."], "Paris\nis big.", loosely=True),
    same("half-emoji", ["Hi \ud83d", "\ude00!"], "Hi 😀!", "Hi 😀!"),
    same("half-emoji-whose-half-is-lost", ["Hi \ud83d"], "Hi 😀", "Hi 😀"),
    same("half-emoji-in-a-cluster", ["Hi 👩\u200d", "🚀!"], "Hi 👩\u200d🚀!", "Hi 👩\u200d🚀!"),
    Case(
        "tail-then-contradiction-is-decided-once",
        [*texts("One ", "two"), s.Final("One two three."), s.Final("Nothing.")],
        Says("One two three."),
        (REST,),
    ),
    Case("empty-final-then-final", [s.Final(""), *texts("Paris ", "is"), s.Final(TEXT)], Says(TEXT), (REST,)),
    Case(
        "partial-then-whole",
        [*texts("Paris"), s.Final("Paris", partial=True), *texts(" is"), s.Final(TEXT)],
        Says(TEXT),
        (REST,),
    ),
    Case(
        "partial-alone",
        [*texts("Paris"), s.Final("Paris is", partial=True)],
        Either((Fails("GrokWebInterruptedError", "Paris"), Fails("GrokWebInterruptedError", "Paris is"))),
        (REST,),
    ),
    Case("fuller-second", [*texts("Paris"), s.Final("Paris"), *texts(" is big."), s.Final(TEXT)], Says(TEXT), (REST,)),
    Case("shorter-second", [*texts(TEXT), s.Final(TEXT), s.Final("Paris")], Says(TEXT), (REST,)),
    Case("text-after-the-end", [*texts(TEXT), s.Final(TEXT), s.Late(s.Text(" And small."))], Says(TEXT)),
    Case("thought-after-the-end", [*texts(TEXT), s.Final(TEXT), s.Late(s.Thought("Hm."))], Says(TEXT)),
    Case("nothing-but-thoughts", [s.Thought("Hm."), s.Final("")], Fails("GrokWebServerError")),
    Case("nothing", [s.Final("")], Fails("GrokWebServerError")),
    Case(
        "done-by-completed-alone",
        [
            *texts("Paris"),
            s.Raw(
                gateway=rest.as_json(
                    {
                        "session_id": s.CONVERSATION,
                        "event": {
                            "type": "response.completed",
                            "event_id": "evt_x",
                            "response": {
                                "id": s.ANSWER,
                                "status": "completed",
                                "output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}],
                            },
                        },
                    }
                )
            ),
        ],
        Says(TEXT),
        GATEWAY,
    ),
]

# --- no markup in the text, and none that makes it differ

MARKUP = [
    same("tag-in-final-only", ["Paris ", "is big."], f"Paris is big.{tag()}"),
    same("tag-within-final-only", ["Paris ", "is big."], f"Paris{tag()} is big."),
    same("tag-in-stream-only", ["Paris", tag(), " is big."], TEXT),
    same("tag-that-is-cut", ["Paris", tag()[:30], tag()[30:], " is big."], f"Paris{tag()} is big."),
    same("other-tags", ["Paris", tag("aaaaaa"), " is big."], f"Paris{tag('bbbbbb')} is big."),
    same("tag-without-end", ["Paris is big.", "<grok:render card_id="], TEXT),
    same("orphan-end-tag", ["Paris is big.", "</grok:render>"], "Paris is big.</grok:render>"),
    same("self-closing-tag", ["Paris is big.", '<grok:render card_id="a"/>'], TEXT),
    same("tool-card-in-final", ["Paris ", "is big."], CARD + TEXT),
    same("tool-card-in-stream", [CARD[:40], CARD[40:], "Paris is big."], TEXT),
    same("artifact", ["Here: ", ARTIFACT], f"Here: {ARTIFACT}", "Here: print(1)"),
    same("artifact-in-final-only", ["Here: ", "print(1)"], f"Here: {ARTIFACT}", "Here: print(1)"),
    same("bold-around-a-tag", ["Paris **", tag(), "** is big."], f"Paris **{tag()}** is big.", loosely=True),
    same("tag-in-a-fence", [FENCED[:30], FENCED[30:]], FENCED, FENCED),
    same("less-than", ["a <", " b and c < d"], "a < b and c < d", "a < b and c < d"),
]

# --- only ours

FOREIGN = [
    Case("foreign-text", [s.Text("Paris "), s.Other("Theirs. "), s.Text("is big."), s.Final(TEXT)], Says(TEXT)),
    Case("foreign-text-first", [s.Other("Theirs. "), *texts("Paris ", "is big."), s.Final(TEXT)], Says(TEXT)),
    Case("foreign-text-no-final", [s.Text("Paris "), s.Other("Theirs."), s.Text("is big."), s.Final("")], Says(TEXT)),
    Case(
        "foreign-final",
        [s.Text("Paris "), s.Final("Theirs.", of=s.OTHER), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "foreign-end",
        [s.Text("Paris "), s.Final("Theirs.", of=s.OTHER), s.End(of=s.OTHER), s.Late(s.Cut())],
        Fails("GrokWebInterruptedError", "Paris "),
    ),
    Case(
        "foreign-thought",
        [s.Thought("Theirs.", of=s.OTHER), *texts("Paris ", "is big."), s.Final(TEXT)],
        Says(TEXT, holds=lambda m: "reasoning_content" not in m.additional_kwargs),
    ),
    Case(
        "foreign-picture",
        [s.Text("Paris "), s.Picture(of=s.OTHER), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT, holds=lambda m: "images" not in m.additional_kwargs),
    ),
    Case(
        "foreign-citation",
        [*texts("Paris ", "is big."), s.Citation("https://example.com/theirs", of=s.OTHER), s.Final(TEXT)],
        Says(TEXT, holds=lambda m: "citations" not in m.additional_kwargs),
    ),
    Case(
        "foreign-error",
        [
            s.Text("Paris "),
            s.Error("usage_limit_reached", LIMIT, "FATAL", of=s.OTHER),
            s.Text("is big."),
            s.Final(TEXT),
        ],
        Says(TEXT),
    ),
    Case(
        "text-of-nobody",
        [s.Text("Paris "), s.Other("Late.", of=""), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
        GATEWAY,
    ),
    Case(
        "second-conversation",
        [s.Text("Paris "), s.Conversation(s.OTHER_CONVERSATION), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "agents",
        [
            s.Agents(["Grok", "Agent 1"]),
            s.Text("Draft. ", agent="Agent 1"),
            s.Text("Paris ", agent="Grok"),
            s.Text("Another draft.", agent="Agent 1"),
            s.Text("is big.", agent="Grok"),
            s.Final(""),
        ],
        Says(TEXT),
        (REST, CHUNK),
    ),
    Case(
        "agents-leader-unnamed",
        [s.Agents(["Grok", "Agent 1"]), s.Text("Draft. ", agent="Agent 1"), *texts("Paris ", "is big."), s.Final(TEXT)],
        Says(TEXT),
        (REST, CHUNK),
    ),
    Case(
        "second-of-two-answers",
        [
            s.Text("Paris "),
            s.Raw(rest.frame(s.ANSWER, token="Lutetia ", messageTag="final", sideBySideIndex=1)),
            s.Text("is big."),
            s.Final(TEXT),
        ],
        Says(TEXT),
        (REST,),
    ),
    Case("event-twice", [s.Text("Paris "), s.Again(), s.Text("is big."), s.Final(TEXT)], Says(TEXT), GATEWAY),
    Case("final-twice", [*texts("Paris ", "is big."), s.Final(TEXT), s.Again()], Says(TEXT), GATEWAY),
    Case(
        "picture-twice",
        [s.Text(TEXT), s.Picture(), s.Again(), s.Final(TEXT)],
        Says(TEXT, holds=lambda m: len(m.additional_kwargs.get("images", [])) == 1),
        GATEWAY,
    ),
    Case("token-twice-as-meant", [*texts("no ", "no ", "no"), s.Final("no no no")], Says("no no no")),
]


def _delta(text: str, number: int) -> s.Raw:
    event = {"type": "response.output_text.delta", "response_id": s.ANSWER, "item_id": s.ANSWER, "delta": text}
    return s.Raw(
        gateway=rest.as_json({"session_id": s.CONVERSATION, "event": {**event, "event_id": f"evt_d_{number}"}})
    )


def _chunk(text: str, number: int) -> s.Raw:
    chunk = {"metadata": {"step_id": 0}, "text": {"text": text, "channel": "CHANNEL_ASSISTANT_RESPONSE"}}
    event = {"type": "response.chunk", "response_id": s.ANSWER, "item_id": s.ANSWER, "chunk": chunk}
    return s.Raw(
        gateway=rest.as_json({"session_id": s.CONVERSATION, "event": {**event, "event_id": f"evt_c_{number}"}})
    )


DIALECTS = [
    Case(
        "both-dialects-chunks-first",
        [s.Text("Paris "), _delta("Paris ", 1), s.Text("is big."), _delta("is big.", 2), s.Final(TEXT)],
        Says(TEXT),
        (CHUNK,),
    ),
    Case(
        "both-dialects-deltas-first",
        [s.Text("Paris "), _chunk("Paris ", 1), s.Text("is big."), _chunk("is big.", 2), s.Final(TEXT)],
        Says(TEXT),
        (DELTA,),
    ),
    Case(
        "headline-as-prefix",
        [*texts("Thinking about your request", "Paris ", "is big."), s.Final(TEXT)],
        Says(TEXT),
        (DELTA,),
    ),
]

# --- kind before severity


def mapped(kind: str) -> str:
    return {
        "usage_limit_reached": "GrokWebRateLimitError",
        "usage_pool_exhausted": "GrokWebRateLimitError",
        "global_rate_limit": "GrokWebRateLimitError",
        "concurrency_limit": "GrokWebRateLimitError",
        "content_moderated": "GrokWebContentFilterError",
        "attachment_moderated": "GrokWebContentFilterError",
        "beyond_context_length": "GrokWebContextOverflowError",
        "user_prompt_too_long": "GrokWebContextOverflowError",
        "model_not_available": "GrokWebModelNotFoundError",
        "system_kill_switch": "GrokWebServerError",
        "attachment_file_too_large": "GrokWebInvalidRequestError",
        "attachment_load_failed": "GrokWebInvalidRequestError",
    }[kind]


def told(kind: str, severity: str, spelling: str = "member") -> Case:
    """An error of a kind that is a failure, after the first words and before any whole answer."""
    name = "-".join([kind.replace("_", "-"), severity.lower() or "unsaid", spelling])
    error = s.Error(kind, "It said so.", severity, spelling)
    return Case(name, [s.Text("Paris "), error, s.Final("")], Fails(mapped(kind), "Paris ", says="It said so."))


MEMBER_ONLY = {"message": LIMIT, "severity": "STREAM_ERROR_SEVERITY_NORMAL"}
STORED_LIMIT = {"metadata": {"request_metadata": {"stream_errors": [MEMBER_ONLY]}}}

ERRORS = [
    told("usage_limit_reached", "NORMAL"),
    told("usage_limit_reached", "FATAL"),
    told("usage_limit_reached", "NORMAL", "kind"),
    told("usage_limit_reached", "FATAL", "kind"),
    told("usage_limit_reached", ""),
    told("usage_limit_reached", "UNKNOWN", "kind"),
    told("usage_pool_exhausted", "NORMAL"),
    told("global_rate_limit", "NORMAL"),
    told("concurrency_limit", "NORMAL"),
    told("content_moderated", "NORMAL"),
    told("content_moderated", "NORMAL", "kind"),
    told("attachment_moderated", "NORMAL"),
    told("beyond_context_length", "NORMAL"),
    told("user_prompt_too_long", "NORMAL"),
    told("model_not_available", "NORMAL"),
    told("system_kill_switch", "NORMAL"),
    told("attachment_file_too_large", "NORMAL"),
    told("attachment_load_failed", "NORMAL"),
    Case(
        "limit-by-text-alone",
        [s.Text("Paris "), s.Error("", LIMIT, "NORMAL"), s.Final("")],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case(
        "limit-before-a-word",
        [s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Final("")],
        Fails("GrokWebRateLimitError"),
    ),
    Case(
        "limit-before-the-answer",
        [],
        Fails("GrokWebRateLimitError"),
        GATEWAY,
        before=[s.Error("usage_limit_reached", LIMIT, "FATAL", "kind", of=""), s.Closed(1000)],
        unbegun=True,
    ),
    Case(
        "limit-before-the-answer-normal-member",
        [],
        Fails("GrokWebRateLimitError"),
        GATEWAY,
        before=[s.Error("usage_limit_reached", LIMIT, "NORMAL", of=""), s.Closed(1000)],
        unbegun=True,
    ),
    Case(
        "limit-then-the-end",
        [s.Text("Paris "), s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case(
        "limit-after-a-whole-answer",
        [s.Text(TEXT), s.Final(TEXT), s.Error("usage_limit_reached", LIMIT, "NORMAL")],
        Says(TEXT),
    ),
    Case(
        "limit-after-a-whole-answer-mid-turn",
        [s.Text(TEXT), s.Final(TEXT), s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": True})],
        Fails("GrokWebRateLimitError", TEXT),
    ),
    Case(
        "limit-within-a-whole-answer",
        [
            s.Text(TEXT),
            s.Final(TEXT, errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": False})]),
        ],
        Says(TEXT),
        (REST,),
    ),
    Case(
        "limit-within-a-whole-answer-mid-turn",
        [
            s.Text(TEXT),
            s.Final(TEXT, errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": True})]),
        ],
        Fails("GrokWebRateLimitError", TEXT),
        (REST,),
    ),
    Case(
        "limit-within-an-empty-answer",
        [s.Final("", errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": False})])],
        Fails("GrokWebRateLimitError"),
        (REST,),
    ),
    Case("limit-in-metadata", [s.Final("", members=STORED_LIMIT)], Fails("GrokWebRateLimitError"), (REST,)),
    Case(
        "limit-in-metadata-after-words",
        [s.Text("Paris "), s.Final("", members=STORED_LIMIT)],
        Fails("GrokWebRateLimitError", "Paris "),
        (REST,),
    ),
    Case(
        "limit-as-error-of-the-answer", [s.Final("", members={"error": LIMIT})], Fails("GrokWebRateLimitError"), (REST,)
    ),
    Case(
        "tool-failed-whole",
        [s.Text("Paris "), s.Error("tool_call_failed", "The tool broke.", "NORMAL"), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "tool-failed-empty",
        [s.Error("tool_call_failed", "The tool broke.", "NORMAL"), s.Final("")],
        Fails("GrokWebServerError", says="The tool broke."),
    ),
    Case(
        "tool-failed-cut",
        [s.Text("Paris "), s.Error("tool_call_failed", "The tool broke.", "NORMAL"), s.Cut()],
        Fails("GrokWebInterruptedError", "Paris ", says="The tool broke."),
    ),
    Case(
        "internal-error-whole",
        [s.Text("Paris "), s.Error("internal_error", "Oops.", "NORMAL"), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "internal-error-empty",
        [s.Error("internal_error", "Oops.", "NORMAL"), s.Final("")],
        Fails("GrokWebServerError", says="Oops."),
    ),
    Case(
        "unknown-kind-normal",
        [s.Text("Paris "), s.Error("moon_is_full", "Hm.", "NORMAL"), s.Text("is big."), s.Final(TEXT)],
        Says(TEXT),
    ),
    Case(
        "unknown-kind-fatal",
        [s.Text("Paris "), s.Error("moon_is_full", "Hm.", "FATAL"), s.Final("")],
        Fails("GrokWebServerError", "Paris ", says="Hm."),
    ),
    Case(
        "cancelled",
        [s.Text("Paris "), s.Error("request_cancelled", "", "FATAL"), s.Cut()],
        Fails("GrokWebInterruptedError", "Paris "),
    ),
    Case(
        "too-many-requests-mid-stream",
        [s.Text("Paris "), s.Refusal(8, "Too many requests")],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case(
        "too-many-requests-as-text",
        [s.Text("Paris "), s.Refusal("8", "Too many requests")],
        Fails("GrokWebRateLimitError", "Paris "),
    ),
    Case("internal-mid-stream", [s.Text("Paris "), s.Refusal(13, "Internal")], Fails("GrokWebServerError", "Paris ")),
    Case(
        "anti-bot-mid-stream",
        [s.Text("Paris "), s.Refusal(7, "Request rejected by anti-bot rules.")],
        Fails("GrokWebPermissionError", "Paris ", reason="anti_bot"),
    ),
    Case(
        "signed-out-mid-stream",
        [s.Text("Paris "), s.Refusal(16, "Bad credentials. [WKE=unauthenticated:bad-credentials]")],
        Fails("GrokWebAuthenticationError", "Paris "),
    ),
    Case("refusal-after-a-whole-answer", [s.Text(TEXT), s.Final(TEXT), s.Late(s.Refusal(13, "Internal"))], Says(TEXT)),
    Case(
        "status-line-first",
        [],
        Fails("GrokWebRateLimitError"),
        (REST,),
        replies={"turn": Reply.of({"code": 8, "message": "Too many requests", "details": []})},
    ),
    Case(
        "status-line-signed-out",
        [],
        Fails("GrokWebAuthenticationError"),
        (REST,),
        replies={"turn": Reply.of({"code": 16, "message": "Bad credentials.", "details": []})},
    ),
    Case(
        "status-line-mid-stream",
        [s.Text("Paris "), s.Refusal(8, "Too many requests", flat=True)],
        Fails("GrokWebRateLimitError", "Paris "),
        (REST,),
    ),
    Case(
        "status-line-server",
        [s.Text("Paris "), s.Refusal(14, "Unavailable", flat=True)],
        Fails("GrokWebServerError", "Paris "),
        (REST,),
    ),
    Case(
        "model-not-found-line",
        [],
        Fails("GrokWebModelNotFoundError"),
        (REST,),
        replies={"turn": Reply.of({"error": {"code": 7, "message": "Model is not found", "details": []}})},
    ),
    Case(
        "rate-limit-by-name",
        [],
        Fails("GrokWebRateLimitError"),
        (REST,),
        replies={"turn": Reply.of({"error": {"name": "RateLimitError"}})},
    ),
    Case(
        "garbage",
        [s.Text("Paris "), s.Raw(b'{"result": oops}\n', '{"event": oops}'), s.Final(TEXT)],
        Fails("GrokWebProtocolError", "Paris "),
    ),
]


# --- whatever Grok made


def _named(member: str, **wanted: str) -> Any:
    """Whether the message has one entry under this name, with these values."""

    def holds(message: AIMessage) -> bool:
        entries = message.additional_kwargs.get(member, [])
        return len(entries) == 1 and all(value in str(entries[0].get(name)) for name, value in wanted.items())

    return holds


MADE_FILE = {
    "fileAttachmentAssetMetadata": [
        {
            "assetId": "as1",
            "key": "users/u/generated/f1/table.csv",
            "mimeType": "text/csv",
            "name": "table.csv",
            "sizeBytes": 12,
            "isModelGenerated": True,
        }
    ]
}

MADE = [
    Case(
        "file-alone",
        [s.File("table.csv"), s.Final("")],
        Says("", holds=_named("files", name="table.csv", mime_type="text/csv", url="table.csv")),
    ),
    Case(
        "file-and-text",
        [s.Text(TEXT), s.File("table.csv"), s.Final(TEXT)],
        Says(TEXT, holds=_named("files", name="table.csv")),
    ),
    Case(
        "file-in-the-final-alone",
        [s.Final("", members=MADE_FILE)],
        Says("", holds=_named("files", name="table.csv", mime_type="text/csv")),
        (REST,),
    ),
    Case("picture-alone", [s.Picture(), s.Final("")], Says("", holds=_named("images", url="/image.jpg"))),
    Case(
        "video-alone",
        [s.Video(), s.Final("")],
        Says("", holds=_named("videos", id="v", url="generated_video.mp4")),
        (REST,),
    ),
    Case(
        "video-and-text",
        [s.Video(), s.Text(TEXT), s.Final(TEXT)],
        Says(TEXT, holds=_named("videos", url="generated_video.mp4")),
        (REST,),
    ),
    Case(
        "question-back",
        [s.Ask("Which city?"), s.Final("")],
        Says("Which city?", holds=lambda m: "Which city?" in m.text),
        (CHUNK,),
    ),
    Case(
        "citation",
        [s.Text("Paris "), s.Text("is big"), s.Citation("https://example.com/a"), s.Text("."), s.Final(TEXT)],
        Says(TEXT, holds=_named("citations", url="https://example.com/a")),
    ),
]

# --- how it ends


def stored(text: str, **more: Any) -> Mapping[str, Reply]:
    return rest.stored(s.Final(text, **more))


CUT = [
    Case("cut", [s.Text("Paris "), s.Cut()], Fails("GrokWebInterruptedError", "Paris ")),
    Case("cut-before-a-word", [s.Cut()], Fails("GrokWebInterruptedError")),
    Case("end-without-final", [s.Text("Paris "), s.End()], Fails("GrokWebInterruptedError", "Paris "), (REST,)),
    Case("cut-stored-whole", [s.Text("Paris "), s.Cut()], Says(TEXT), replies=stored(TEXT)),
    Case("cut-stored-whole-before-a-word", [s.Cut()], Says(TEXT), replies=stored(TEXT)),
    Case("cut-stored-markup", [s.Text("Paris "), s.Cut()], Says(TEXT), replies=stored(f"Paris{tag()} is big.")),
    Case(
        "cut-stored-another",
        [s.Text("Paris "), s.Seen(), s.Cut()],
        Replaced("London is big.", "Paris "),
        replies=stored("London is big."),
    ),
    Case(
        "cut-stored-shorter",
        [*texts("Paris is ", "big."), s.Seen(), s.Cut()],
        Replaced("Paris", "Paris is big."),
        replies=stored("Paris"),
    ),
    Case("cut-stored-white-space", [*texts("Paris \n", "is"), s.Cut()], Says(TEXT, loosely=True), replies=stored(TEXT)),
    Case(
        "cut-stored-limit",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
        replies=stored("", errors=[s.Error("usage_limit_reached", LIMIT, "NORMAL", details={"midTurn": False})]),
    ),
    Case(
        "cut-stored-limit-in-metadata",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
        replies=stored("", members=STORED_LIMIT),
    ),
    Case(
        "cut-stored-empty", [s.Text("Paris "), s.Cut()], Fails("GrokWebInterruptedError", "Paris "), replies=stored("")
    ),
    Case(
        "cut-stored-partial",
        [s.Text("Paris "), s.Cut()],
        Either((Fails("GrokWebInterruptedError", "Paris "), Fails("GrokWebInterruptedError", "Paris is"))),
        replies=stored("Paris is", partial=True),
    ),
    Case(
        "cut-running",
        [s.Text("Paris "), s.Cut()],
        Says(TEXT),
        replies=rest.running([*texts("Paris ", "is big."), s.Final(TEXT)]),
    ),
    Case(
        "cut-running-foreign",
        [s.Text("Paris "), s.Cut()],
        Says(TEXT),
        replies=rest.running([s.Other("Theirs."), *texts("Paris ", "is big."), s.Final(TEXT)]),
    ),
    Case(
        "cut-running-another",
        [s.Text("Paris "), s.Seen(), s.Cut()],
        Replaced("London is big.", "Paris "),
        replies=rest.running([*texts("London ", "is big."), s.Final("London is big.")]),
    ),
    Case(
        "cut-running-contradicted-at-last",
        [s.Text("Paris "), s.Seen(), s.Cut()],
        Replaced("Paris is NOT big.", "Paris is big."),
        replies=rest.running([*texts("Paris ", "is big."), s.Seen(), s.Final("Paris is NOT big.")]),
    ),
    Case(
        "cut-running-limit",
        [s.Text("Paris "), s.Cut()],
        Fails("GrokWebRateLimitError", "Paris "),
        replies=rest.running([s.Text("Paris "), s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Final("")]),
    ),
]

ENDS = [
    Case(
        "tier",
        [s.Done("incomplete", "stream_error")],
        Fails("GrokWebPermissionError", reason="tier"),
        GATEWAY,
        settings={"model": "heavy"},
    ),
    Case(
        "tier-after-words",
        [s.Text("Paris "), s.Done("incomplete", "stream_error")],
        Either((Fails("GrokWebPermissionError", "Paris ", reason="tier"), Fails("GrokWebInterruptedError", "Paris "))),
        GATEWAY,
        settings={"model": "heavy"},
    ),
    Case(
        "incomplete",
        [s.Text("Paris "), s.Done("incomplete", "stream_error")],
        Fails("GrokWebInterruptedError", "Paris "),
        GATEWAY,
    ),
    Case(
        "incomplete-limit",
        [s.Text("Paris "), s.Error("usage_limit_reached", LIMIT, "NORMAL"), s.Done("incomplete", "stream_error")],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "incomplete-tool",
        [
            s.Text("Paris "),
            s.Error("tool_call_failed", "The tool broke.", "NORMAL"),
            s.Done("incomplete", "stream_error"),
        ],
        Fails("GrokWebInterruptedError", "Paris ", says="The tool broke."),
        GATEWAY,
    ),
    Case(
        "failed",
        [s.Text("Paris "), s.Done("failed")],
        Either((Fails("GrokWebInterruptedError", "Paris "), Fails("GrokWebServerError", "Paris "))),
        GATEWAY,
    ),
    Case(
        "failed-limit",
        [s.Text("Paris "), s.Done("failed", error={"code": "usage_limit_reached", "message": LIMIT})],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-limit-by-code",
        [s.Text("Paris "), s.Done("failed", error={"code": "usage_limit_reached", "message": ""})],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-rate-limited",
        [s.Text("Paris "), s.Done("failed", error={"code": "rate_limited", "message": "Slow down."})],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-moderated",
        [s.Text("Paris "), s.Done("failed", error={"code": "content-moderated", "message": "rejected"})],
        Fails("GrokWebContentFilterError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-unauthorized",
        [s.Text("Paris "), s.Done("failed", error={"code": "unauthorized", "message": "no"})],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "failed-internal",
        [s.Done("failed", error={"code": "internal_error", "message": "Oops."})],
        Fails("GrokWebServerError", says="Oops."),
        GATEWAY,
    ),
    Case(
        "cancelled-status", [s.Text("Paris "), s.Done("cancelled")], Fails("GrokWebInterruptedError", "Paris "), GATEWAY
    ),
    Case("unauthorized", [s.Refusal("unauthorized", "Sign in.")], Fails("GrokWebAuthenticationError"), GATEWAY),
    Case(
        "unauthorized-after-words",
        [s.Text("Paris "), s.Refusal("unauthorized", "Sign in.")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "session-expired",
        [s.Text("Paris "), s.Refusal("session_expired", "The session has expired.")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "session-expired-before-the-answer",
        [],
        Fails("GrokWebAuthenticationError"),
        GATEWAY,
        before=[s.Refusal("session_expired", ""), s.Closed(1000)],
        unbegun=True,
    ),
    Case(
        "anti-bot-event",
        [],
        Fails("GrokWebPermissionError", reason="anti_bot"),
        GATEWAY,
        before=[s.Refusal("anti_bot", "anti-bot rejected"), s.Closed(1000)],
        unbegun=True,
    ),
    Case("session-ended", [s.Text("Paris "), s.Ended()], Fails("GrokWebInterruptedError", "Paris "), GATEWAY),
    Case("close-normal", [s.Text("Paris "), s.Closed(1000)], Fails("GrokWebInterruptedError", "Paris "), GATEWAY),
    Case(
        "close-internal",
        [s.Text("Paris "), s.Closed(1011, "boom \x1b[31m")],
        Fails("GrokWebInterruptedError", "Paris ", says="1011"),
        GATEWAY,
    ),
    Case(
        "close-session-expired",
        [s.Text("Paris "), s.Closed(1008, "session_expired")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "close-4401",
        [s.Text("Paris "), s.Closed(4401, "unauthorized")],
        Fails("GrokWebAuthenticationError", "Paris "),
        GATEWAY,
    ),
    Case(
        "close-limit",
        [s.Text("Paris "), s.Closed(1008, "usage limit reached")],
        Fails("GrokWebRateLimitError", "Paris "),
        GATEWAY,
    ),
    Case(
        "close-blocked",
        [],
        Fails("GrokWebPermissionError", reason="blocked"),
        GATEWAY,
        before=[s.Closed(1008, "User is blocked [WKE=unauthorized:blocked-user]")],
        unbegun=True,
    ),
    Case(
        "close-session-expired-before-the-answer",
        [],
        Fails("GrokWebAuthenticationError"),
        GATEWAY,
        before=[s.Closed(1008, "session_expired")],
        unbegun=True,
    ),
    Case(
        "close-holds-a-cookie",
        [s.Text("Paris "), s.Closed(1008, "bad token sso=scripted-secret-cookie")],
        Fails("GrokWebInterruptedError", "Paris ", hides="scripted-secret"),
        GATEWAY,
    ),
    Case(
        "close-after-the-end",
        [s.Text(TEXT), s.Final(TEXT), s.End(), s.Late(s.Closed(1011, "boom"))],
        Says(TEXT),
        GATEWAY,
    ),
    Case(
        "close-after-the-final-text",
        [s.Text(TEXT), s.Final(TEXT), s.Closed(1011, "boom")],
        Either((Says(TEXT), Fails("GrokWebInterruptedError", TEXT))),
        GATEWAY,
    ),
    Case("cut-after-the-final-text", [s.Text(TEXT), s.Final(TEXT), s.Cut()], Says(TEXT), (REST,)),
    Case(
        "cut-after-the-final-text-before-the-end",
        [s.Text(TEXT), s.Final(TEXT), s.Cut()],
        Either((Says(TEXT), Fails("GrokWebInterruptedError", TEXT))),
        GATEWAY,
    ),
    Case(
        "incomplete-after-the-final-text",
        [s.Text(TEXT), s.Final(TEXT), s.Error("tool_call_failed", "x", "NORMAL"), s.Done("incomplete", "stream_error")],
        Either((Says(TEXT), Fails("GrokWebInterruptedError", TEXT))),
        GATEWAY,
    ),
]

# --- refusals: the status, the page, how long to wait


def page(text: str, status: int, **headers: str) -> Reply:
    return Reply.of(
        f"<!doctype html><html><head>{text}</head><body></body></html>",
        status,
        content_type="text/html; charset=UTF-8",
        **headers,
    )


def limited(value: str) -> Reply:
    return Reply.of({"error": {"code": 8, "message": "Too many requests", "details": []}}, 429, retry_after=value)


def refused(name: str, reply: Reply, expect: Expected, wires: Sequence[str] = (REST, CHUNK), **more: Any) -> Case:
    return Case(name, [], expect, wires, refusal=reply, **more)


_LATER = datetime.now(UTC) + timedelta(seconds=1000)
_HTTP_DATE = format_datetime(_LATER, usegmt=True)
_EASTERN = format_datetime(_LATER.astimezone(timezone(timedelta(hours=2))))
_WESTERN = format_datetime(_LATER.astimezone(timezone(timedelta(hours=-5, minutes=-30))))
_SOON = (500.0, 1000.0)
JSD = '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>'
GOOD = [*texts("Paris ", "is big."), s.Final(TEXT)]

REFUSALS = [
    refused("retry-after-seconds", limited("120"), Fails("GrokWebRateLimitError", retry_after=(120, 120))),
    refused("retry-after-fraction", limited("61.5"), Fails("GrokWebRateLimitError", retry_after=(61, 62))),
    refused("retry-after-date", limited(_HTTP_DATE), Fails("GrokWebRateLimitError", retry_after=_SOON)),
    refused("retry-after-date-east", limited(_EASTERN), Fails("GrokWebRateLimitError", retry_after=_SOON)),
    refused("retry-after-date-west", limited(_WESTERN), Fails("GrokWebRateLimitError", retry_after=_SOON)),
    refused(
        "retry-after-date-without-zone",
        limited(_HTTP_DATE.removesuffix(" GMT")),
        Fails("GrokWebRateLimitError", retry_after=_SOON),
    ),
    refused("retry-after-nonsense", limited("soon"), Fails("GrokWebRateLimitError")),
    refused(
        "wait-time-as-text",
        Reply.of({"error": {"code": 8, "message": "Too many requests", "waitTimeSeconds": "120"}}, 429),
        Fails("GrokWebRateLimitError", retry_after=(120, 120)),
    ),
    refused(
        "wait-time-beside-the-error",
        Reply.of({"error": {"code": 8, "message": "Too many requests"}, "waitTimeSeconds": 120}, 429),
        Fails("GrokWebRateLimitError", retry_after=(120, 120)),
    ),
    refused(
        "wait-time-as-text-beside-the-error",
        Reply.of({"error": {"code": 8, "message": "Too many requests"}, "waitTimeSeconds": "120"}, 429),
        Fails("GrokWebRateLimitError", retry_after=(120, 120)),
    ),
    Case(
        "503-with-a-long-retry-after",
        [],
        Fails("GrokWebServerError"),
        (REST,),
        replies={"turn": [Reply.of("", 503, retry_after="3600"), Reply(rest.body(GOOD))]},
        settings={"max_retries": 1},
    ),
    Case(
        "503-with-retry-after",
        [],
        Says(TEXT),
        (REST,),
        replies={"turn": [Reply.of("", 503, retry_after="0"), Reply(rest.body(GOOD))]},
        settings={"max_retries": 1},
    ),
    refused(
        "signed-out",
        Reply.of({"code": 16, "message": "Bad credentials. [WKE=unauthenticated:bad-credentials]"}, 401),
        Fails("GrokWebAuthenticationError"),
    ),
    refused(
        "challenge",
        page("<title>Just a moment...</title>", 403, cf_mitigated="challenge"),
        Fails("GrokWebPermissionError", reason="challenge"),
    ),
    refused(
        "challenge-by-its-script",
        page('<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script>', 403),
        Fails("GrokWebPermissionError", reason="challenge"),
    ),
    refused(
        "injected-script-is-none",
        page(f"<title>Forbidden</title>{JSD}", 403),
        Fails("GrokWebPermissionError", reason="other"),
    ),
    refused("injected-script-on-a-failure", page(f"<title>Bad gateway</title>{JSD}", 502), Fails("GrokWebServerError")),
    refused(
        "cloudflare-block",
        page(f"<title>Attention Required! | Cloudflare</title><h1>Sorry, you have been blocked</h1>{JSD}", 403),
        Fails("GrokWebPermissionError", reason=("blocked", "other"), says="Cloudflare"),
    ),
    refused(
        "cloudflare-1020",
        page("<title>Access denied</title>Error 1020", 403),
        Fails("GrokWebPermissionError", reason=("blocked", "other"), says="Cloudflare"),
    ),
    refused(
        "cloudflare-1015",
        page("<title>Access denied</title>Error 1015 You are being rate limited", 429),
        Fails("GrokWebRateLimitError", says="Cloudflare"),
    ),
    refused(
        "cloudflare-1015-plain",
        Reply.of("error code: 1015", 429, content_type="text/plain"),
        Fails("GrokWebRateLimitError", says="Cloudflare"),
    ),
    refused(
        "blocked",
        Reply.of({"code": "unauthorized:blocked-user", "error": "User is blocked"}, 403),
        Fails("GrokWebPermissionError", reason="blocked"),
    ),
    refused(
        "region",
        Reply.of("This service is not available in your region", 403, content_type="text/plain"),
        Fails("GrokWebPermissionError", reason="region"),
    ),
    refused(
        "moderated",
        Reply.of({"error": {"code": "content-moderated", "message": "rejected"}}, 403),
        Fails("GrokWebContentFilterError"),
    ),
]

# The gateway's dialects differ in text and things, not in errors and ends, so those are played in one of them.
CASES = [
    *FINAL_TEXT,
    *MARKUP,
    *FOREIGN,
    *DIALECTS,
    *MADE,
    *(
        replace(case, wires=[wire for wire in case.wires if wire != DELTA])
        for case in [*ERRORS, *CUT, *ENDS, *REFUSALS]
    ),
]
