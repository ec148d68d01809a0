"""Bytes: Go's escapes, line ends, and pieces that end inside characters and tags."""

import json
import socket

import httpx
import pytest

from testing.asking import CONVERSATIONS
from tests.clock import HANG_SECONDS


def writes(browser, **body):
    """The pieces of the body as chunked encoding delimits them, one for each write of the server."""
    payload = json.dumps({"message": "x", "modeId": "auto", **body})
    url = browser.http.base_url
    with httpx.Client(timeout=HANG_SECONDS) as client:
        request = client.build_request("POST", f"{url}", content=payload)
    return _raw_chunks(url.host, url.port, payload, browser.http.headers["cookie"], request.headers["host"])


def _raw_chunks(host, port, payload, cookie, host_header):
    with socket.create_connection((host, port), timeout=HANG_SECONDS) as sock, sock.makefile("rb") as stream:
        head = f"POST {CONVERSATIONS}/new HTTP/1.1\r\nHost: {host_header}\r\nCookie: {cookie}\r\n"
        sock.sendall(f"{head}Content-Length: {len(payload)}\r\n\r\n{payload}".encode())
        while stream.readline() != b"\r\n":
            pass
        while size := int(stream.readline(), 16):
            yield stream.read(size)
            stream.readline()
        stream.readline()


def test_markup_characters_are_escaped_and_others_are_not(grok, browser):
    text = "a <b> & \u2028\u2029 ü 😀"
    grok.reply(text)
    answer = browser.new()
    assert answer.text == answer.model["message"] == text
    assert not set(b"<>&") & set(answer.raw)
    assert rb"\u003cb\u003e" in answer.raw
    assert rb"\u0026" in answer.raw
    assert rb"\u2028\u2029" in answer.raw
    assert "ü 😀".encode() in answer.raw
    assert answer.headers["content-type"] == "application/json"


def test_lines_are_compact_and_end_with_a_line_feed(browser):
    answer = browser.new()
    assert answer.raw.endswith(b"}\n")
    for line in answer.raw.splitlines():
        assert line == _compact(json.loads(line))


def _compact(value):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def test_writes_are_seven_bytes_at_first_and_larger_later(grok, browser):
    grok.reply("😀 " * 200)
    pieces = list(writes(browser))
    sizes = [len(piece) for piece in pieces]
    assert sizes[:20] == [7] * 20
    assert max(sizes) == 997
    assert any(_ends_inside_a_character(piece) for piece in pieces)


def _ends_inside_a_character(piece):
    try:
        piece.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_a_reply_keeps_its_own_size_throughout(grok, browser):
    grok.reply("word " * 200, chunk_size=13)
    sizes = [len(piece) for piece in writes(browser)]
    assert sum(sizes) > 8192
    assert max(sizes) == 13


@pytest.mark.parametrize("size", [0, None])
def test_without_a_size_each_frame_is_one_write(emulator, size):
    grok, browser = emulator(chunk_size=size)
    grok.reply("A few words here.")
    pieces = list(writes(browser))
    assert len(pieces) > 8
    assert all(json.loads(piece) for piece in pieces)


@pytest.mark.parametrize("text", ["", " ", "\n\n x  y\t", "한국어와 日本語 mixed", "a" * 5000, "…!?\r\n"])
def test_tokens_join_to_the_text(grok, browser, text):
    grok.reply(text)
    answer = browser.new()
    assert answer.text == answer.model["message"] == text
    assert len([frame for frame in answer.frames if frame.get("token")]) <= max(2, len(text.split()) * 3)


def test_lone_surrogates_do_not_break_the_stream(browser):
    content = b'{"message":"\\ud800","modeId":"auto"}'
    response = browser.http.post(f"{CONVERSATIONS}/new", content=content)
    assert response.status_code == 200
    assert "modelResponse" in response.text


def test_unary_replies_have_a_blank_behind_commas_alone(browser):
    text = browser.http.post("/rest/rate-limits", json={"modelName": "auto"}).text
    assert text.startswith('{"windowSizeSeconds":7200, "remainingQueries":')
