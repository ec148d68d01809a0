"""`text_with_citations`: an answer as text with footnotes."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import BaseMessage

from langchain_grokweb.wire.footnotes import CitationStyle, Footnotes


def text_with_citations(message: BaseMessage, *, style: CitationStyle = "numbers") -> str:
    """The text of an answer with a mark at each citation, and the list of sources after it.

    Each source has one number. A source that the site gives no place for is only in the list. The function works for
    answers of this package, however they were made or stored, and for answers of other providers whose citations
    LangChain reads.

    Args:
        message: The answer. Its text may be Markdown.
        style: `"numbers"` writes marks such as `[1]` and a numbered list. `"footnotes"` writes Markdown's footnotes,
            `[^1]`. `"links"` writes `"numbers"` whose marks link to their sources.

    Returns:
        Markdown; the unchanged text if there are no citations.

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
