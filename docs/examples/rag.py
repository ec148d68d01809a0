"""A chain that answers from your own documents.

It compares words only (`InMemoryVectorStore` with a small embedding of words),
so it needs no embedding model. For real documents, install
`langchain-text-splitters` and an embedding model.
"""

import math
import re
import zlib

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_grokweb import ChatGrokWeb


class WordEmbeddings(Embeddings):
    """Counts words. Replace it with a real embedding model."""

    def embed_query(self, text: str) -> list[float]:
        """One vector of 256 numbers, of length 1."""
        vector = [0.0] * 256
        for word in re.findall(r"\w+", text.lower()):
            vector[zlib.crc32(word.encode()) % 256] += 1
        length = math.hypot(*vector) or 1.0
        return [number / length for number in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        return [self.embed_query(text) for text in texts]


PROMPT = ChatPromptTemplate.from_template(
    "Answer the question from the context alone. "
    "If the context does not say, say so.\n\n"
    "Context:\n{context}\n\nQuestion: {question}"
)


def joined(documents: list[Document]) -> str:
    """The documents as one text."""
    return "\n\n".join(document.page_content for document in documents)


def rag_chain(texts: list[str]) -> Runnable[str, str]:
    """A chain that takes a question and answers it from these texts."""
    store = InMemoryVectorStore.from_texts(texts, WordEmbeddings())
    retriever = store.as_retriever(search_kwargs={"k": 2})
    # No web search, and the chat is not in your history.
    model = ChatGrokWeb(search=False, temporary=True)
    inputs = {"context": retriever | joined, "question": RunnablePassthrough()}
    return inputs | PROMPT | model | StrOutputParser()


if __name__ == "__main__":
    chain = rag_chain(
        [
            "Foxes sleep in dens.",
            "Owls hunt at night.",
            "Paris is the capital of France.",
        ]
    )
    for words in chain.stream("Where do foxes sleep?"):
        print(words, end="", flush=True)
    print()
