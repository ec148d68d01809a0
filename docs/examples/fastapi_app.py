"""A FastAPI endpoint that streams an answer as server-sent events, and stops it when the client leaves.

Install `fastapi` and `uvicorn`, then run `uvicorn fastapi_app:app`.
"""

import json
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.errors import GrokWebError

app = FastAPI()


class Question(BaseModel):
    """What the page sends."""

    text: str


def event(name: str, value: object) -> str:
    """One server-sent event; JSON keeps line breaks out of its data."""
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"


async def events(question: str) -> AsyncIterator[str]:
    """The answer as events. When the client leaves, Starlette cancels this, and grok.com is told to stop."""
    try:
        async for chunk in ChatGrokWeb().astream(question):
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                yield event("reasoning", thought)
            if chunk.text:
                yield event("text", chunk.text)
        yield event("done", None)
    except GrokWebError as error:
        yield event("error", str(error))


@app.post("/ask")
async def ask(question: Question) -> StreamingResponse:
    """Answer a question."""
    return StreamingResponse(events(question.text), media_type="text/event-stream")
