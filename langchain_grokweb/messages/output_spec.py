"""What a call wants of the answer besides words: tools, and JSON. How it is asked for, read, and repaired.

A call of a tool must carry a mark that no text of a user, a tool or a page can know: eight digits of an HMAC over the
tools and a salt of the conversation, keyed with a secret of the account. Further digits of the same HMAC and the salt
stand in the link of an answer: so a later turn, also in another process, knows whether the instructions at the service
hold its own mark, and nobody else learns the mark from them.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeAlias

from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_grokweb.errors import GrokWebToolCallError
from langchain_grokweb.messages import prompt_format
from langchain_grokweb.messages.json_schema import short
from langchain_grokweb.messages.role_cut import Reader, WithoutRoles
from langchain_grokweb.messages.structured.response_format import JsonFormat, json_format
from langchain_grokweb.messages.structured.stream import EmittedObject, JsonReader
from langchain_grokweb.messages.tools.call_parser import ToolCall, ToolCallParser, ToolFault, Unmarked
from langchain_grokweb.messages.tools.corrections import corrected_call
from langchain_grokweb.messages.tools.mark_cut import MarkCut
from langchain_grokweb.messages.tools.toolbox import Toolbox, toolbox

KEEPS_UNFIT = "keep_unfit"  # among the keyword arguments of a call
MADE_OF = "made_of"  # the same: what `with_structured_output` makes of the answer; LangChain keeps its own word for it
UNFIT_KEY = "unfit"

_MARK_DIGITS, _HASH_DIGITS = 8, 16
_MOST_REASONS = 3
_SALT = re.compile(r"[0-9a-f]{16}")

Piece: TypeAlias = str | ToolCall | ToolFault | Unmarked


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """The tools of a call and the form of its answer; without any, an answer is words.

    An answer that lacks what was demanded is an error, or, with `keeps_unfit`, says so in its link.

    Attributes:
        box: The tools.
        format: The form of an answer that is no call; `None` where it is words.
        is_structured: Whether the call is for a parser of structured output, and no tool is run.
        keeps_unfit: Whether an answer that lacks what was demanded is given all the same.
        cuts_roles: Whether the model has seen a transcript, whose elements it may continue.
        mark: What a call must carry; empty where there are no tools, and before `marked`.
        tools_hash: Changes when the tools, the salt or the secret do; empty where `mark` is.
        tools_salt: What both were made with; empty where they are.
    """

    box: Toolbox = field(default_factory=Toolbox)
    format: JsonFormat | None = None
    keeps_unfit: bool = False
    is_structured: bool = False
    cuts_roles: bool = False
    mark: str = field(default="", repr=False)
    tools_hash: str = ""
    tools_salt: str = ""

    @classmethod
    def of(cls, kwargs: Mapping[str, Any]) -> Self:
        """What the keyword arguments of a call want.

        Raises:
            GrokWebInvalidRequestError: They are not understood.
            ValueError: A tool is to be called that is not among them.
        """
        if not kwargs:
            return cls()
        box = toolbox(
            kwargs.get("tools") or [],
            tool_choice=kwargs.get("tool_choice"),
            parallel_tool_calls=kwargs.get("parallel_tool_calls"),
            strict=kwargs.get("strict"),
        )
        wanted = json_format(kwargs.get("response_format"))
        made_of = kwargs.get(MADE_OF)
        if isinstance(made_of, type) and is_basemodel_subclass(made_of):
            box = box.making(made_of) if box.tools else box
            wanted = replace(wanted, made_of=made_of) if wanted else None
        return cls(box, wanted, bool(kwargs.get(KEEPS_UNFIT)), MADE_OF in kwargs)

    def marked(self, secret: bytes, salt: str = "", known: str = "") -> Self:
        """The same with a mark for its calls.

        Args:
            secret: What only the account has.
            salt: The conversation's, from a link, so it may be anything; without a usable one there is a new salt.
            known: The `tools_hash` of what the service has. Where it is of other tools, the salt is new: so a mark
                that is replaced never comes back, and needs to be kept out of no later answer.
        """
        if not self.box.tools:
            return self
        usable = salt if _SALT.fullmatch(salt) else ""
        salt, mark, tools_hash = self._digits(secret, usable or secrets.token_hex(8))
        if usable and known and tools_hash != known:
            salt, mark, tools_hash = self._digits(secret, secrets.token_hex(8))
        return replace(self, mark=mark, tools_hash=tools_hash, tools_salt=salt)

    def _digits(self, secret: bytes, salt: str) -> tuple[str, str, str]:
        """The salt, and what it makes of the tools: the mark, and the digits that may be known."""
        digits = hmac.digest(secret, f"{salt}\n{self.box.hash}".encode(), "sha256").hex()
        return salt, digits[:_MARK_DIGITS], digits[_MARK_DIGITS : _MARK_DIGITS + _HASH_DIGITS]

    def instructions(self, known: str) -> str:
        """The element at the head of the prompt, and examples; `""` where nothing is to be said.

        Args:
            known: The `tools_hash` of what the service has.
        """
        attributes = self.box.attributes | ({"reply": "json"} if self.format else {})
        definitions = self.box.instructions(self.mark) if self.tools_hash != known else ""
        body = [definitions, self.box.note(), self.format.note() if self.format else ""]
        text = "\n".join(filter(None, body))
        element = prompt_format.element("message", text, role="system", **attributes) if text else ""
        examples = self.box.examples(self.mark) if definitions else []
        return "\n".join([element, *examples])

    @property
    def ending(self) -> str:
        """The last line of the prompt, after which the answer begins."""
        if self.box.tools:
            return prompt_format.opening("message", role="assistant")
        return prompt_format.THE_JSON if self.format else ""

    def reader(self, emitted: EmittedObject, *, asked: bool = False) -> Reader | None:
        """How one turn's text is read; `None` where it is words and nothing else.

        Args:
            emitted: What earlier turns gave out of an object.
            asked: Whether the turn answers a question or a repair of ours.
        """
        reader: Reader | None = None
        if self.box.tools or self.format is not None:
            # What was called although it was not allowed is left out elsewhere; its markup is no text in any case.
            box = replace(self.box, choice="auto") if self.box.choice == "none" else self.box
            reader = calls = ToolCallParser(box, self.mark, asked=asked)
            if self.format is not None:
                reader = JsonAnswer(calls, JsonReader(self.format, emitted))
        return WithoutRoles(reader, of_tools=bool(self.box.tools)) if self.cuts_roles else reader

    def mark_cut(self) -> MarkCut:
        """What takes the mark out of an answer."""
        return MarkCut(self.mark)

    def passes_on(self, fault: ToolFault) -> bool:
        """Whether a call that stayed wrong is made all the same, since who runs the tools can answer it."""
        can_be_read = bool(fault.name) and fault.args is not None and not self.is_structured
        return can_be_read and self.box.choice in {"auto", "any", fault.name}

    def ask_prompt(self) -> str:
        """The prompt of a turn that asks whether a call was meant; it must suggest none."""
        otherwise = prompt_format.ASK_OR_JSON if self.format else prompt_format.ASK_OR_WORDS
        question = prompt_format.REPAIR_ASK.format(mark=self.mark, otherwise=otherwise)
        return prompt_format.element("message", question, role="system", repair="ask")

    def repair_prompt(self, reasons: Sequence[str], *, of_json: bool, faults: Sequence[ToolFault] = ()) -> str:
        """The prompt of a turn that repairs an answer: what was wrong, and what is right, of bounded length.

        Args:
            reasons: What was wrong with it.
            of_json: Whether not a call is at fault, but the JSON.
            faults: The calls that are at fault.
        """
        if of_json or (self.format and self.box.choice == "none"):
            example = self.format.example if self.format else ""
            kind, sentence = "json", "\n".join(filter(None, [prompt_format.REPAIR_JSON, example]))
        elif self.box.choice == "none":
            kind, sentence = "words", prompt_format.REPAIR_WORDS
        else:
            calls = prompt_format.call(self.mark, corrected_call(self.box, faults))
            kind, sentence = "call", f"{prompt_format.REPAIR_CALL}\n{calls}"
        named = list(dict.fromkeys(map(short, reasons)))
        if more := named[_MOST_REASONS:]:
            named = [*named[:_MOST_REASONS], prompt_format.REPAIR_MORE.format(count=len(more))]
        fault = prompt_format.escape(prompt_format.REPAIR.format(reasons="; ".join(named)))
        prompt = prompt_format.element("message", f"{fault}\n{sentence}", role="system", repair=kind)
        return f"{prompt}\n{prompt_format.THE_JSON}" if kind == "json" else prompt


def unfit(reasons: str) -> GrokWebToolCallError:
    """The error for an answer that lacks what was demanded."""
    return GrokWebToolCallError(
        f"The model did not give the tool call or JSON that was asked for: {reasons}.",
        next_step="Ask more plainly, choose another `model=`, or raise `tool_repair_attempts=`.",
    )


class JsonAnswer:
    """Reads calls, where there are tools, and else JSON."""

    def __init__(self, calls: ToolCallParser, rest: JsonReader) -> None:
        self._calls = calls
        self._rest = rest
        self._called = False

    @property
    def held(self) -> str:
        """What has come of JSON and was not given out."""
        return self._rest.held

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of text, give what is settled."""
        return self._sort(self._calls.feed(text))

    def flush(self) -> list[Piece]:
        """The text is over: give what is left."""
        settled = self._sort(self._calls.flush())
        if self._called:
            return settled
        rest = self._rest.flush()
        # What looks like a call and is the JSON that was asked for is no call.
        is_wanted = not any(isinstance(piece, ToolFault) for piece in rest)
        return [*(piece for piece in settled if not (is_wanted and isinstance(piece, Unmarked))), *rest]

    def _sort(self, pieces: Sequence[Piece]) -> list[Piece]:
        settled: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, str):
                settled += self._rest.feed(piece)
            elif isinstance(piece, Unmarked):
                settled += [*self._rest.feed(piece.text), Unmarked("")]
            else:
                self._called = True
                settled.append(piece)
        return settled
