"""The table: what was streamed, what is final, how it ends, and what a caller must have of it.

Sources: the texts and ends are one example each of a kind; what is expected follows the promise that an answer is the
site's own final text, whole, or an error that says why not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

BOLD_MARK = [s.Text("Paris **"), s.Citation("https://example.com/a"), s.Text("** is big.")]
CITED = _named("citations", url="https://example.com/a")

MADE = [
    Case("bold-around-a-mark", [*BOLD_MARK, s.Final(TEXT)], Says(TEXT, loosely=True, holds=CITED)),
    Case(
        "bold-around-a-mark-left-in-the-final",
        [*BOLD_MARK, s.Final("Paris **** is big.")],
        Says(TEXT, loosely=True, holds=CITED),
        (CHUNK,),
    ),
    Case(
        "bold-around-a-tag-in-the-final-alone",
        [*BOLD_MARK, s.Final(f"Paris **{tag()}** is big.")],
        Says(TEXT, loosely=True, holds=CITED),
        (CHUNK,),
    ),
    Case(
        "bold-around-a-file",
        [s.Text("Here: **"), s.File("table.csv"), s.Text("** done."), s.Final("Here: done.")],
        Says("Here: done.", loosely=True, holds=_named("files", name="table.csv")),
    ),
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
        "edited-picture",
        [s.Picture(edited=True), s.Final("")],
        Says("", holds=_named("images", url="/image.jpg", edited="True")),
    ),
    Case(
        "video-alone",
        [s.Video(), s.Final("")],
        Says("", holds=_named("videos", id="v", url="generated_video.mp4")),
    ),
    Case(
        "video-and-text",
        [s.Video(), s.Text(TEXT), s.Final(TEXT)],
        Says(TEXT, holds=_named("videos", url="generated_video.mp4")),
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
