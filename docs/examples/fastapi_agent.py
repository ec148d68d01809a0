"""A FastAPI endpoint that streams an agent's answer as text.

If the client leaves, the answer is stopped at grok.com too.

Install `fastapi`, `langchain` and `uvicorn`.
Then run `uvicorn fastapi_agent:app`.
"""

from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain.agents import create_agent
from langchain_grokweb import ChatGrokWeb
from pydantic import BaseModel

app = FastAPI()


class Question(BaseModel):
    """A question."""

    text: str


async def texts(question: Question) -> AsyncIterator[str]:
    """The answer's text. Starlette cancels this when the client leaves."""
    agent = create_agent(ChatGrokWeb(), [])
    events = agent.astream_events({"messages": question.text}, version="v2")
    async for event in events:
        if event["event"] == "on_chat_model_stream":
            yield event["data"]["chunk"].text


@app.post("/ask")
async def ask(question: Question) -> StreamingResponse:
    """Answer a question."""
    return StreamingResponse(texts(question), media_type="text/plain")
