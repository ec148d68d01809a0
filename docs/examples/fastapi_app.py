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
    """What the page sends: the question, and the place that the last `done` event named."""

    text: str
    conversation_id: str | None = None
    parent_response_id: str | None = None


def event(name: str, value: object) -> str:
    """One server-sent event; JSON keeps line breaks out of its data."""
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"


async def events(question: Question) -> AsyncIterator[str]:
    """The answer as events. When the client leaves, Starlette cancels this, and the answer is stopped at grok.com."""
    model = ChatGrokWeb(conversation_id=question.conversation_id, parent_response_id=question.parent_response_id)
    link: dict[str, str] = {}
    try:
        async for chunk in model.astream(question.text):
            link = chunk.response_metadata.get("grokweb", link)
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                yield event("reasoning", thought)
            if chunk.text:
                yield event("text", chunk.text)
        yield event("done", {"conversation_id": link["conversation_id"], "parent_response_id": link["response_id"]})
    except GrokWebError as error:
        yield event("error", str(error))


@app.post("/ask")
async def ask(question: Question) -> StreamingResponse:
    """Answer a question."""
    return StreamingResponse(events(question), media_type="text/event-stream")
