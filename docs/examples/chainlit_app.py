"""A Chainlit app. It shows the reasoning in its own step, the sources as footnotes, and the pictures.

Install `chainlit`, then run `chainlit run chainlit_app.py`.
"""

import chainlit as cl
from langchain_core.messages import AIMessageChunk, HumanMessage

from langchain_grokweb import ChatGrokWeb, text_with_citations
from langchain_grokweb.errors import GrokWebError

model = ChatGrokWeb(model="grok-3-thinking")


@cl.on_chat_start
def start() -> None:
    """Begin a conversation: its messages stay in the user's session."""
    cl.user_session.set("messages", [])


@cl.on_message
async def answer(question: cl.Message) -> None:
    """Answer a message: stream the reasoning and the words, then add the sources and pictures."""
    messages = [*cl.user_session.get("messages"), HumanMessage(question.content)]
    whole: AIMessageChunk | None = None
    thoughts = cl.Step(name="Reasoning", type="llm", parent_id=cl.context.current_step.id)
    reply: cl.Message | None = None  # created with its first word, so that it is below the reasoning
    try:
        async for chunk in model.astream(messages):
            whole = chunk if whole is None else whole + chunk
            if thought := chunk.additional_kwargs.get("reasoning_content"):
                if not thoughts.output:
                    await thoughts.send()
                await thoughts.stream_token(thought)
            if chunk.text:
                if reply is None:
                    reply = cl.Message("")
                await reply.stream_token(chunk.text)
    except GrokWebError as error:
        await cl.ErrorMessage(str(error)).send()
        return
    if thoughts.output:
        await thoughts.update()
    if whole is not None:
        reply = reply or cl.Message("")
        reply.content = text_with_citations(whole)
        reply.elements = [await picture(image) for image in whole.additional_kwargs.get("images", ())]
        await reply.send()
        cl.user_session.set("messages", [*messages, whole])


async def picture(image: dict[str, str]) -> cl.Image:
    """A picture that Grok made. Its address needs the account's cookies, so the page gets its bytes."""
    content = await model.adownload(image)
    return cl.Image(name=image.get("prompt") or "picture", content=content, display="inline")
