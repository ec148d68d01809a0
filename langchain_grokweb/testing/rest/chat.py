"""The endpoints of conversations, rest.md 2.1 and 2.3: ask, stop, reconnect, read what was said, and tidy up.

The two POSTs parse a body of either era into an `Ask`, begin the turn, and stream its log;
`reconnect-response-v2` streams the same log again. A request is refused before it uses up a planned reply.
Which fault strikes a request is decided in front of the routes; here its stage is played.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from langchain_grokweb.testing.rest.frames import FrameWriter
from langchain_grokweb.testing.rest.replies import (
    body_of,
    error_reply,
    only_line,
    recorded_refusal,
    refusal,
    service_of,
    unary,
)
from langchain_grokweb.testing.rest.stream import Cutter, line, streamed
from langchain_grokweb.testing.server import hung_up, reset
from langchain_grokweb.testing.state.account import MODES_BY_ID, quota_name
from langchain_grokweb.testing.state.conversations import ASSISTANT, HUMAN, Conversation, Node
from langchain_grokweb.testing.state.delivery import Delivery, held_after, settle
from langchain_grokweb.testing.state.faults import LINE_ERRORS, Fault, Refused, fault_at
from langchain_grokweb.testing.state.inflight import Ask, Generation
from langchain_grokweb.testing.state.service import Service
from langchain_grokweb.testing.state.stored import chunk_view, conversation_object, response_head, response_object

_PREFIX = "/rest/app-chat/conversations"
_LARGEST_PAGE = 60
_SEARCH_TOOLS = ("webSearch", "xSearch")


async def ask(request: HttpRequest) -> Response:
    """#1 and #2: a question that begins a conversation, or one in a conversation."""
    service, conversation_id = service_of(request), request.path_params.get("conversation_id")
    if service.recorded.exchanges:
        return _recorded(request, service)
    asked = _parsed(body_of(request), conversation_id, service)
    service.check(asked)
    struck: Fault | None = request.scope["grok.fault"]
    if struck is not None and struck.keeps_question_out:
        return await hung_up(request.scope, request.receive)
    planned, faults = service.plan(service.instead(asked), struck, "chat")
    if (refused := fault_at("refusal", faults)) is not None:
        return refusal(refused, nested=True)
    error = None if planned is None or planned.text else planned.error
    if error is not None and error in LINE_ERRORS:
        return only_line(error)
    generation = service.begin(asked, planned, faults, FrameWriter)
    if (unheard := fault_at("delivery", faults)) is not None and unheard.name == "no_reply":
        await settle(generation, unheard)
        return await hung_up(request.scope, request.receive)
    chunk_size = None if planned is None else planned.chunk_size
    return _stream(request, generation, faults, flat=conversation_id is not None, chunk_size=chunk_size)


def _recorded(request: HttpRequest, service: Service) -> Response:
    """A recorded stream or refusal; where one of the gateway is next, what sends a client there."""
    exchange = service.recorded.take("rest")
    if exchange is None:
        return error_reply(LINE_ERRORS["anti_bot"])
    if (refused := exchange.refusal) is not None:
        return recorded_refusal(refused)

    async def body() -> AsyncIterator[bytes]:
        async for entry in exchange.steps():
            for value in entry.get("received", ()):
                yield line(value)
            yield entry.get("unreadable", "").encode("utf-8", "replace")
            if "error" in entry.get("ended", {}):
                reset(request.scope)

    return StreamingResponse(body(), media_type="application/json")


def _parsed(body: Mapping[str, Any], conversation_id: str | None, service: Service) -> Ask:
    """A body of either era (rest.md 3)."""
    prompt = body.get("message", "")
    if not isinstance(prompt, str):
        raise Refused(400, "Invalid message")
    by_model = "modelName" in body and "modeId" not in body
    tools = body.get("toolOverrides") or {}
    conversation = service.conversations.by_id.get(conversation_id or "")
    # without modeId a conversation keeps its mode (rest.md 3.2); one that began with a model name becomes `auto`
    mode_so_far = conversation.mode if conversation is not None and conversation.mode in MODES_BY_ID else "auto"
    mode = str(body.get("modelName") if by_model else body.get("modeId") or mode_so_far)
    thinks = body.get("isReasoning") is True
    return Ask(
        prompt=prompt,
        conversation_id=conversation_id,
        parent_response_id=body.get("parentResponseId") or (conversation.newest if conversation else None),
        mode=mode,
        is_model=by_model,
        quota=quota_name(mode, body.get("modelMode"), thinks=thinks) if by_model else mode,
        era=service.settings.era,
        temporary=body.get("temporary") is True,
        thinking=thinks if by_model else mode != "fast",
        search=not body.get("disableSearch") and any(tools.get(tool, True) for tool in _SEARCH_TOOLS),
        images=body.get("enableImageGeneration", True) is not False and tools.get("imageGen", True) is not False,
        keep_running=body.get("skipCancelCurrentInflightRequests") is True,
        final_metadata=body.get("sendFinalMetadata", True) is not False,
        follow_ups=body.get("disableTextFollowUps") is not True,
        begins=conversation_id is None,
        file_ids=tuple(body.get("fileAttachments") or ()),
    )


def _stream(
    request: HttpRequest,
    generation: Generation,
    faults: Sequence[Fault],
    *,
    flat: bool = False,
    chunk_size: int | None = None,
    start: int | None = None,
) -> Response:
    """An answer as a stream; from `start` on, with a stub before it, for somebody who reconnects."""
    service, writer = service_of(request), generation.writer
    translate = None
    if not isinstance(writer, FrameWriter):  # it was asked for on the gateway
        # its placeholder is the headline of step 0
        writer = FrameWriter(writer.ask, writer.conversation, writer.question, writer.answer, steps=-1)
        translate = writer.translate
    fault = fault_at("framing", faults)
    framing = fault.name if fault else ""
    delivery = Delivery(
        generation,
        fault_at("delivery", faults),
        abort=lambda: reset(request.scope),
        translate=translate,
        latency=service.settings.latency,
    )
    cutter = Cutter(service.settings.chunk_size or 0) if chunk_size is None else Cutter(chunk_size, exact=True)
    first = None if start is None else writer.stub()
    body = streamed(delivery, cutter, framing, writer.keep_alive(), flat=flat, first=first, start=start or 0)
    return StreamingResponse(body, media_type="text/event-stream" if framing == "sse" else "application/json")


async def reconnect(request: HttpRequest) -> Response:
    """#6: the rest of an answer that is still being written, or all of it again; 404 once it is over.

    An answer that was asked for on the gateway is sent in the frames of this wire: stub, tokens, modelResponse.
    """
    service = service_of(request)
    generation = service.running(request.path_params["response_id"])
    fault: Fault | None = request.scope["grok.fault"]
    start = generation.delivered if service.settings.reconnect == "continue" else 0
    faults = [fault] if fault else []
    response = _stream(request, generation, faults, start=start)
    generation.release(held_after(fault_at("delivery", faults), start))
    return response


async def response_node(request: HttpRequest) -> Response:
    """#3: the tree without texts, and what is being written."""
    conversation, inflight = _state(request)
    heads = map(response_head, conversation.nodes.values())
    nodes = [{name: value for name, value in head.items() if name != "createTime"} for head in heads]
    return unary({"responseNodes": nodes, "inflightResponses": inflight})


async def all_responses(request: HttpRequest) -> Response:
    """#5: the whole conversation, in texts or, with `useChunk=true`, in chunks (rest.md 8.3)."""
    conversation, inflight = _state(request)
    nodes = conversation.nodes.values()
    if request.query_params.get("useChunk") == "true":
        views = [chunk_view(node, conversation) for node in nodes]
    else:
        views = [response_object(node, "2026", loaded=True) for node in nodes]
    return unary({"responses": views, "inflightResponses": inflight})


async def load_responses(request: HttpRequest) -> Response:
    """#4: the responses of these ids; unknown ones are left out, which is a guess."""
    conversation, _ = _state(request)
    wanted = body_of(request).get("responseIds") or []
    nodes = [conversation.nodes[one] for one in wanted if one in conversation.nodes]
    return unary({"responses": [response_object(node, "2026", loaded=True) for node in nodes]})


def _conversation(request: HttpRequest) -> Conversation:
    return service_of(request).conversations.find(request.path_params["conversation_id"])


def _state(request: HttpRequest) -> tuple[Conversation, list[dict[str, Any]]]:
    conversation = _conversation(request)
    active = [generation.writer.answer for generation in service_of(request).active(conversation.conversation_id)]
    return conversation, [
        {
            "responseId": answer.response_id,
            "status": "RESPONSE_STATUS_ACTIVE",
            "createTime": answer.create_time,
            "parentResponseId": answer.parent_id,
        }
        for answer in active
    ]


async def stop_conversation(request: HttpRequest) -> Response:
    """#7: stop everything that is being written in a conversation."""
    service = service_of(request)
    for generation in service.active(_conversation(request).conversation_id):
        service.stop(generation.turn.response_id)
    return unary({})


async def stop_response(request: HttpRequest) -> Response:
    """#8: stop one answer; 404 where it is over, which is a guess."""
    service_of(request).stop(request.path_params["response_id"])
    return unary({})


async def create(request: HttpRequest) -> Response:
    """#9: a conversation without a question."""
    is_temporary = body_of(request).get("temporary") is True
    return unary(conversation_object(service_of(request).conversations.start(temporary=is_temporary)))


async def add(request: HttpRequest) -> Response:
    """#10: a question that nobody answers, or an answer that nobody has written."""
    conversation, body = _conversation(request), body_of(request)
    sender = HUMAN if request.url.path.endswith("/user-responses") else ASSISTANT
    node = Node(str(uuid4()), sender, str(body.get("message", "")), body.get("parentResponseId") or None)
    conversation.check_parent(node.parent_id)
    service_of(request).conversations.add(conversation, node)
    return unary(response_object(node, "2026"))


# -- management (rest.md 2.3): list, look, rename, star, delete, restore


async def listed(request: HttpRequest) -> Response:
    """A page of the account's conversations, newest change first."""
    conversations = service_of(request).conversations.listed()
    words = request.query_params.get("searchQuery", "").casefold()
    if words:
        conversations = [one for one in conversations if _mentions(one, words)]
    return unary({**_page(conversations, request.query_params), "textSearchMatches": []})


async def listed_deleted(request: HttpRequest) -> Response:
    """A page of the soft-deleted ones."""
    return unary(_page(service_of(request).conversations.listed(deleted=True), request.query_params))


def _mentions(conversation: Conversation, words: str) -> bool:
    texts = [conversation.title, *(node.message for node in conversation.nodes.values())]
    return any(words in text.casefold() for text in texts)


def _page(conversations: Sequence[Conversation], query: QueryParams) -> dict[str, Any]:
    wanted = query.get("pageSize", "")
    size = min((int(wanted) if wanted.isdecimal() else 0) or _LARGEST_PAGE, _LARGEST_PAGE)
    token = query.get("pageToken") or "0"
    if not token.isdecimal():
        raise Refused(400, "Invalid pageToken")
    start = int(token)
    return {
        "conversations": [conversation_object(one) for one in conversations[start : start + size]],
        "nextPageToken": str(start + size) if start + size < len(conversations) else "",
    }


async def one(request: HttpRequest) -> Response:
    """The bare conversation, as older pages read it."""
    return unary(conversation_object(_conversation(request)))


async def one_v2(request: HttpRequest) -> Response:
    """The conversation in its envelope."""
    return unary({"conversation": conversation_object(_conversation(request)), "shareLinkPath": ""})


async def change(request: HttpRequest) -> Response:
    """Rename, star, or both."""
    conversation, body = _conversation(request), body_of(request)
    conversation.title = str(body.get("title", conversation.title))
    conversation.starred = bool(body.get("starred", conversation.starred))
    service_of(request).conversations.touch(conversation)
    return unary(conversation_object(conversation))


async def soft_delete(request: HttpRequest) -> Response:
    """Put one where it can be restored from."""
    _conversation(request).deleted = True
    return unary({})


async def restore(request: HttpRequest) -> Response:
    """Take one back. The reply's form is a guess."""
    conversation_id = str(body_of(request).get("conversationId", ""))
    service_of(request).conversations.find(conversation_id, deleted=True).deleted = False
    return unary({})


async def hard_delete(request: HttpRequest) -> Response:
    """Delete one for good, soft-deleted before or not."""
    if service_of(request).conversations.by_id.pop(request.path_params["conversation_id"], None) is None:
        raise Refused(404, "Conversation not found")
    return unary({})


ROUTES = (
    Route(f"{_PREFIX}/new", ask, methods=["POST"]),
    Route(_PREFIX, create, methods=["POST"]),
    Route(f"{_PREFIX}/reconnect-response-v2/{{response_id}}", reconnect),
    Route(f"{_PREFIX}/inflight-response/{{response_id}}", stop_response, methods=["DELETE"]),
    Route(f"{_PREFIX}/{{conversation_id}}/responses", ask, methods=["POST"]),
    Route(f"{_PREFIX}/{{conversation_id}}/responses", all_responses),
    Route(f"{_PREFIX}/{{conversation_id}}/user-responses", add, methods=["POST"]),
    Route(f"{_PREFIX}/{{conversation_id}}/model-responses", add, methods=["POST"]),
    Route(f"{_PREFIX}/{{conversation_id}}/response-node", response_node),
    Route(f"{_PREFIX}/{{conversation_id}}/load-responses", load_responses, methods=["POST"]),
    Route(f"{_PREFIX}/{{conversation_id}}/stop-inflight-responses", stop_conversation, methods=["POST"]),
    Route(_PREFIX, listed),
    Route(f"{_PREFIX}/deleted", listed_deleted),
    Route(f"{_PREFIX}/restore", restore, methods=["POST"]),
    Route(f"{_PREFIX}/soft/{{conversation_id}}", soft_delete, methods=["DELETE"]),
    Route(f"{_PREFIX}/{{conversation_id}}", change, methods=["PUT"]),
    Route(f"{_PREFIX}/{{conversation_id}}", hard_delete, methods=["DELETE"]),
    Route(f"{_PREFIX}/{{conversation_id}}", one),
    Route("/rest/app-chat/conversations_v2/{conversation_id}", one_v2),
)
