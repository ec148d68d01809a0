"""A client that knows nothing but HTTP and the reference: httpx, bodies typed by hand, and a reader of lines."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.clock import HANG_SECONDS

CONVERSATIONS = "/rest/app-chat/conversations"
SAMPLES = Path(__file__).parent.parent / "samples" / "rest"


def lines_of(text):
    return [json.loads(line) for line in text.splitlines() if line]


def sample(name):
    """The objects of a sample stream, or the object of a unary sample."""
    text = (SAMPLES / name).read_text("utf-8")
    return json.loads(text) if name.startswith("unary/") else lines_of(text)


@dataclass
class Answer:
    """What one stream said."""

    status: int
    lines: list
    headers: httpx.Headers
    raw: bytes = b""
    frames: list = field(init=False)

    def __post_init__(self):
        results = [line["result"] for line in self.lines if "result" in line]
        self.frames = [one.get("response", one) for one in results]

    def members(self, name):
        return [frame[name] for frame in self.frames if name in frame]

    @property
    def conversation_id(self):
        return self.members("conversation")[0]["conversationId"]

    @property
    def model(self):
        return self.members("modelResponse")[-1]

    @property
    def response_id(self):
        return self.model["responseId"]

    @property
    def text(self):
        return "".join(frame["token"] for frame in self.frames if "token" in frame and not frame["isThinking"])

    @property
    def reasoning(self):
        return "".join(frame["token"] for frame in self.frames if "token" in frame and frame["isThinking"])


class Browser:
    """Asks an emulator as a signed-in browser would."""

    def __init__(self, grok):
        # without TLS there is nothing to verify, and httpx need not load its certificates for each test
        self.http = httpx.Client(
            base_url=grok.base_url, headers={"cookie": grok.cookies}, timeout=HANG_SECONDS, verify=False
        )

    def new(self, message="Hi", **body):
        return self._ask("new", message, body)

    def follow(self, answer, message="And then?", *, parent=None, **body):
        """Ask behind an answer; `answer` is the first one of its conversation, or `parent` says behind which."""
        body["parentResponseId"] = (parent or answer).response_id
        return self._ask(f"{answer.conversation_id}/responses", message, body)

    def _ask(self, path, message, body):
        payload = {"message": message, **body}
        if "modelName" not in payload:
            payload.setdefault("modeId", "auto")
        response = self.http.post(f"{CONVERSATIONS}/{path}", json=payload)
        return Answer(response.status_code, lines_of(response.text), response.headers, response.content)

    def get(self, path, **options):
        return self.http.get(path, **options)

    def node(self, conversation_id):
        return self.http.get(f"{CONVERSATIONS}/{conversation_id}/response-node?includeThreads=true").json()

    def load(self, conversation_id, *response_ids):
        body = {"responseIds": list(response_ids)}
        return self.http.post(f"{CONVERSATIONS}/{conversation_id}/load-responses", json=body).json()["responses"]

    def reconnect(self, response_id):
        response = self.http.get(f"{CONVERSATIONS}/reconnect-response-v2/{response_id}")
        return Answer(response.status_code, lines_of(response.text), response.headers, response.content)
