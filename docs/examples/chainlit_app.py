"""A Chainlit app. It shows reasoning in its own step, sources and pictures.

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
    """Stream the reasoning and the answer, then add sources and pictures."""
    earlier = cl.user_session.get("messages")
    messages = [*earlier, HumanMessage(question.content)]
    whole: AIMessageChunk | None = None
    thoughts = cl.Step(
        name="Reasoning", type="llm", parent_id=cl.context.current_step.id
    )
    # Created with the first word, so that it is below the reasoning.
    reply: cl.Message | None = None
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
        images = whole.additional_kwargs.get("images", ())
        reply.elements = [await picture(image) for image in images]
        await reply.send()
        cl.user_session.set("messages", [*messages, whole])


async def picture(image: dict[str, str]) -> cl.Image:
    """A picture that Grok made.

    Its address needs the account's cookies, so the page gets its bytes.
    """
    content = await model.adownload(image)
    name = image.get("prompt") or "picture"
    return cl.Image(name=name, content=content, display="inline")
