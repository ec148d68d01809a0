"""A client that knows nothing but WebSockets and the reference: events typed by hand, and a reader of envelopes."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

from websockets.asyncio.client import connect

from tests.clock import HANG_SECONDS

SAMPLES = Path(__file__).parent.parent / "samples" / "gateway"
CAPTURED = {"verbatim", "verbatim-content", "shape-real"}
ORIGIN = "https://grok.com"

CHUNKS = {
    "protocol_capabilities": ["conversation_attached", "custom_methods_v1", "workspace_servers_v1"],
    "use_chunk": True,
    "accept_interleaved_phases": True,
}


def sample(name):
    return [json.loads(line) for line in (SAMPLES / name).read_text("utf-8").splitlines()]


def user_item(prompt, *mentions, **members):
    chunks = [*mentions, {"text": {"text": prompt}}]
    return {
        "type": "message",
        "role": "user",
        "x_grok": {"client_message_id": str(uuid4()), "input_chunks": chunks},
        **members,
    }


class Talk(list):
    """Envelopes that arrived, and what they say."""

    def __init__(self, envelopes):
        super().__init__(envelopes)
        self.events = [envelope["event"] for envelope in envelopes]

    @property
    def types(self):
        return [event["type"] for event in self.events]

    def of(self, kind):
        return [event for event in self.events if event["type"] == kind]

    def one(self, kind):
        (found,) = self.of(kind)
        return found

    def chunks(self, payload):
        return [event["chunk"] for event in self.of("response.chunk") if payload in event["chunk"]]

    def channel(self, name):
        """The text of one channel up to the end of the answer."""
        told = Talk(self[: self.types.index("response.done")] if "response.done" in self.types else self)
        texts = [chunk["text"] for chunk in told.chunks("text")]
        return "".join(one["text"] for one in texts if one["channel"] == f"CHANNEL_ASSISTANT_{name}")

    @property
    def text(self):
        return self.channel("RESPONSE")

    def deltas(self, *, thinking):
        deltas = self.of("response.output_text.delta")
        return "".join(one["delta"] for one in deltas if one.get("x_grok", {}).get("is_thinking", False) is thinking)

    @property
    def response_id(self):
        return self.one("response.created")["response"]["id"]

    @property
    def done(self):
        return self.one("response.done")["response"]

    @property
    def numbers(self):
        return [int(event["event_id"].rpartition("_")[2]) for event in self.events]


class Gateway:
    """A socket."""

    def __init__(self, socket):
        self.socket = socket
        self.session_id = None
        self._waiting = []

    async def say(self, event, session_id=None):
        session_id = session_id or self.session_id
        envelope = {"event": event} if session_id is None else {"session_id": session_id, "event": event}
        await self.socket.send(json.dumps(envelope))

    async def hear(self):
        if not self._waiting:
            message = await asyncio.wait_for(self.socket.recv(), HANG_SECONDS)
            decoder, place = json.JSONDecoder(), 0
            while place < len(message):
                value, place = decoder.raw_decode(message, place)
                self._waiting.append(value)
                place += len(message[place:]) - len(message[place:].lstrip())
        return self._waiting.pop(0)

    async def until(self, *kinds):
        """All that arrives, up to an event of one of these types."""
        found = []
        while not found or found[-1]["event"]["type"] not in kinds:
            found.append(await self.hear())
        return Talk(found)

    async def rest(self):
        """All that arrives until the socket is closed."""
        found = []
        try:
            while True:
                found.append(await self.hear())
        except Exception as exc:  # noqa: BLE001 - the test looks at it
            return Talk(found), exc

    async def create(self, x_grok=None, model="auto", session_id=None, until="conversation.commands.updated"):
        session = {"model": model} if x_grok is None else {"model": model, "x_grok": x_grok}
        self.session_id = None
        await self.say({"type": "session.create", "event_id": "evt_init_1", "session": session}, session_id)
        talk = await self.until(until, "error")
        self.session_id = talk[0].get("session_id")
        return talk

    async def resume(self, conversation_id, **x_grok):
        options = CHUNKS | {"conversation_id": conversation_id, "load_existing": True} | x_grok
        return await self.create(options, session_id=conversation_id)

    async def ask(self, prompt="Hi", *, until="response.persisted", **members):
        await self.say(
            {"type": "conversation.item.create", "event_id": "evt_msg_1", "item": user_item(prompt), **members}
        )
        await self.say({"type": "response.create", "event_id": "evt_resp_1"})
        return await self.until(until, "error")


def gateway(grok, cookies=None, uid=None, path="/ws/mgw/", origin=ORIGIN, headers=(), **options):
    """Opens a socket, as `async with gateway(grok) as socket`."""
    given = {"Cookie": grok.cookies if cookies is None else cookies, **dict(headers)}
    query = f"?uid={grok.user_id if uid is None else uid}"
    url = grok.base_url.replace("http", "ws", 1) + path + query
    options = {"compression": None, "ping_interval": None, "max_queue": None, **options}
    return connect(url, additional_headers=given, origin=origin, proxy=None, **options)


class Open:
    """`async with Open(grok) as talk:` a socket that is ready to be talked on."""

    def __init__(self, grok, **options):
        self._connect = gateway(grok, **options)

    async def __aenter__(self):
        return Gateway(await self._connect.__aenter__())

    async def __aexit__(self, *error):
        await self._connect.__aexit__(*error)
