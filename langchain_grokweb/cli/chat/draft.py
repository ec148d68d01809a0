"""What the next line of a dialogue begins with."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_grokweb.cli.chat.attachments import Attachment
from langchain_grokweb.cli.chat.talk import Question


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that is not sent yet.

    Attributes:
        text: What stands in the line.
        files: What is attached.
        before: If this replaces the last question: the draft that comes back when it was sent, or is left.
    """

    text: str = ""
    files: tuple[Attachment, ...] = ()
    before: Draft | None = None

    @property
    def is_edit(self) -> bool:
        """Whether it replaces the last question."""
        return self.before is not None

    def edit(self, question: Question) -> Draft:
        """The last question once more, in place of this draft, whose files are attached again afterwards."""
        return Draft(question.text, question.files, before=Draft(files=self.left().files))

    def left(self) -> Draft:
        """What there is without the edit."""
        return self.before or self

    def sent(self) -> Draft:
        """What there is once this is sent: a file that came back with a failed question goes with it only once."""
        files = self.before.files if self.before else ()
        return Draft(files=tuple(file for file in files if all(file is not gone for gone in self.files)))
