"""What an upload sends, and how its reply is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from langchain_grokweb import errors
from langchain_grokweb.wire import files
from langchain_grokweb.wire.turn import Attachment

SAMPLES = Path(__file__).parent.parent / "samples" / "rest" / "unary"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def test_the_classic_body_is_the_recorded_one():
    assert files.classic_body(Attachment("notes.txt", "text/plain", b"hello")) == sample("upload_file_request.json")


@pytest.mark.parametrize("name", ["upload_file_reply.json", "upload_file_v2_direct_reply.json"])
def test_the_recorded_replies_hold_an_id(name: str):
    assert files.file_id(sample(name), "x") == "4d2f816a-e5a7-4c93-9b4f-0a6e8d2c3b14"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"uploadId": "u", "fileMetadata": {"fileMetadataId": "f"}, "terminalError": {}}, "f"),
        ({"uploadId": "u", "fileId": "f", "terminalError": None}, "f"),
        ({"uploadId": "u", "fileMetadata": None, "fileId": "f", "terminalError": ""}, "f"),
        ({"uploadId": "u", "fileMetadata": {"fileMetadataId": ""}}, errors.GrokWebProtocolError),
        ({"fileMetadataId": 7}, errors.GrokWebProtocolError),
        ([], errors.GrokWebProtocolError),
        (None, errors.GrokWebProtocolError),
        ({"terminalError": {"attachmentModerated": {}}}, errors.GrokWebContentFilterError),
        ({"terminalError": {"message": "This file was moderated."}}, errors.GrokWebContentFilterError),
        ({"terminalError": {"attachmentFileTooLarge": {"fileName": "a"}}}, errors.GrokWebInvalidRequestError),
        ({"terminalError": {"code": 8, "message": "Too many requests"}}, errors.GrokWebRateLimitError),
        ({"terminalError": {"code": 13, "message": "Internal"}}, errors.GrokWebServerError),
        ({"terminalError": {"severity": "STREAM_ERROR_SEVERITY_NORMAL"}}, errors.GrokWebInvalidRequestError),
        ({"terminalError": {"message": "Image dimensions are insufficient"}}, errors.GrokWebInvalidRequestError),
        ({"terminalError": "no such type"}, errors.GrokWebInvalidRequestError),
        ({"terminalError": ["x"], "fileMetadata": {"fileMetadataId": "f"}}, errors.GrokWebInvalidRequestError),
    ],
)
def test_a_reply_is_an_id_or_an_error(reply: Any, expected: Any):
    if isinstance(expected, str):
        assert files.file_id(reply, "x") == expected
        return
    with pytest.raises(expected) as raised:
        files.file_id(reply, "x")
    assert type(raised.value) is expected
