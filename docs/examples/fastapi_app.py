"""A FastAPI endpoint that streams an answer as server-sent events.

If the client leaves, the answer is stopped at grok.com too.

Install `fastapi` and `uvicorn`, then run `uvicorn fastapi_app:app`.
"""

import json
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_grokweb import ChatGrokWeb
from langchain_grokweb.errors import GrokWebError
from pydantic import BaseModel

app = FastAPI()


class Question(BaseModel):
    """A question, and the ids of the last `done` event."""

    text: str
    conversation_id: str | None = None
    parent_response_id: str | None = None


def event(name: str, value: object) -> str:
    """One server-sent event; JSON keeps line breaks out of its data."""
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"


async def events(question: Question) -> AsyncIterator[str]:
    """The answer as events. Starlette cancels this when the client leaves."""
    model = ChatGrokWeb(
        conversation_id=question.conversation_id,
        parent_response_id=question.parent_response_id,
    )
    link: dict[str, str] = {}
    try:
        async for chunk in model.astream(question.text):
            link = chunk.response_metadata.get("grokweb", link)
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                yield event("reasoning", thought)
            if chunk.text:
                yield event("text", chunk.text)
        place = {
            "conversation_id": link["conversation_id"],
            "parent_response_id": link["response_id"],
        }
        yield event("done", place)
    except GrokWebError as error:
        yield event("error", str(error))


@app.post("/ask")
async def ask(question: Question) -> StreamingResponse:
    """Answer a question."""
    return StreamingResponse(events(question), media_type="text/event-stream")
