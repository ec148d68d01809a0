"""`text_with_citations`: an answer as text with footnotes, which everybody would write by hand."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import BaseMessage

from langchain_grokweb.wire.footnotes import CitationStyle, Footnotes


def text_with_citations(message: BaseMessage, *, style: CitationStyle = "numbers") -> str:
    """The text of an answer, with a mark at each place that has a source, and the sources listed after it.

    A source has one number, however often it is cited; one whose place the site does not name is in the list alone.
    Works for the answers of this package in both output versions, streamed, loaded or out of a checkpoint, and for
    those of every other provider whose citations LangChain knows.

    Args:
        message: The answer. Its text may be Markdown, and the result is.
        style: `"numbers"`: marks such as `[1]`, and a numbered list. `"footnotes"`: the footnotes of Markdown itself,
            `[^1]`. `"links"`: as `"numbers"`, and each mark is a link to its source.

    Returns:
        The text alone where there are no citations.

    Example:
        ```python
        from langchain_grokweb import ChatGrokWeb, text_with_citations

        answer = ChatGrokWeb().invoke("Who won the last Tour de France?")
        print(text_with_citations(answer))
        ```
    """
    footnotes = Footnotes(style)
    texts = []
    for block in message.content_blocks:
        if block["type"] == "text":
            annotations = cast("list[dict[str, Any]]", block.get("annotations") or [])
            citations = [entry for entry in annotations if entry.get("type") == "citation"]
            texts.append(footnotes.mark(block["text"], citations))
    sources = footnotes.sources()
    text = "".join(texts)
    return f"{text.rstrip()}\n\n{sources}" if sources else text
