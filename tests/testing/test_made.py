"""What Grok made, what was attached, and both views of what is stored: on both wires, against the cases."""

import base64
import io
import json
from uuid import UUID

import httpx
from PIL import Image

from langchain_grokweb.testing.state.assets import drawn
from testing.asking import CONVERSATIONS, SAMPLES, lines_of
from testing.talking import CHUNKS, Open

TABLE = {"name": "table.csv", "content": "a,b\n1,2\n", "mime_type": "text/csv"}
CONTENT = "/rest/conversations/files/content"
# members of the cases that public clients saw
FILE_CARD = ["id", "type", "cardType", "file_name", "mime_type", "file_size", "file_path", "url"]
FILE_CONTENT = ["mimeType", "size", "isTruncated", "signedUrl", "downloadSignedUrl"]
ASSET = "assetId key previewImageKey sizeBytes mimeType name createTime isModelGenerated isLatest".split()


def case(name):
    """The lines of a case that public clients have seen."""
    return lines_of((SAMPLES.parent / "cases" / name).read_text("utf-8"))


def content_of(browser, conversation_id, path):
    return browser.get(CONTENT, params={"conversationId": conversation_id, "path": path})


def test_an_answer_that_is_only_a_file_is_a_card_and_a_tag(grok, browser):
    grok.reply(files=[TABLE])
    answer = browser.new("Make a table")
    (card,) = [json.loads(one["jsonData"]) for one in answer.members("cardAttachment")]
    assert list(card) == FILE_CARD
    assert (card["type"], card["cardType"]) == ("render_file", "rendered_file_card")
    assert (card["file_name"], card["mime_type"], card["file_size"]) == ("table.csv", "text/csv", 8)
    (seen,) = [
        json.loads(line["result"]["response"]["cardAttachment"]["jsonData"])
        for line in case("rest_file_only.ndjson")
        if "cardAttachment" in line["result"].get("response", {})
    ]
    assert set(card) <= set(seen)
    tag = f'<grok:render card_id="{card["id"]}" card_type="rendered_file_card" type="render_file">'
    assert answer.model["message"].startswith(f'{tag}<argument name="file_path">{card["file_path"]}</argument>')
    assert answer.text == answer.model["message"]
    assert [json.loads(one) for one in answer.model["cardAttachmentsJson"]] == [card]
    (made,) = answer.model["fileAttachmentAssetMetadata"]
    assert list(made) == ASSET
    assert (made["key"], made["isModelGenerated"], made["sizeBytes"]) == (card["url"], True, 8)
    assert answer.model["fileAttachments"] == [made["assetId"]]


def test_a_made_file_is_refused_at_its_own_address_and_given_by_a_signed_one(grok, browser):
    grok.reply("Here.", files=[TABLE, {"name": "b.bin", "content": b"\x00\xff", "inline": True}])
    answer = browser.new()
    card, binary = [json.loads(one["jsonData"]) for one in answer.members("cardAttachment")]
    assert browser.get("/" + card["url"]).status_code == 403
    place = content_of(browser, answer.conversation_id, card["file_path"]).json()
    assert list(place) == FILE_CONTENT
    assert (place["mimeType"], place["size"], place["isTruncated"]) == ("text/csv", 8, False)
    for name in ("signedUrl", "downloadSignedUrl"):
        assert httpx.get(place[name]).content == b"a,b\n1,2\n"
    assert httpx.get(place["signedUrl"].partition("?")[0]).status_code == 403
    place = content_of(browser, answer.conversation_id, binary["file_path"]).json()
    assert base64.b64decode(place["dataUrl"].partition("base64,")[2]) == b"\x00\xff"
    assert place["mimeType"] == "application/octet-stream"
    assert content_of(browser, answer.conversation_id, "/nothing").status_code == 404
    other = browser.new()
    assert content_of(browser, other.conversation_id, card["file_path"]).status_code == 404
    assert content_of(browser, "unknown", card["file_path"]).status_code == 404


def test_a_video_comes_in_states_of_progress(grok, browser):
    grok.reply(videos=["waves"])
    answer = browser.new("Film waves")
    states = answer.members("streamingVideoGenerationResponse")
    assert [one["progress"] for one in states] == [1, 5, 15, 24, 33, 45, 95, 100]
    assert all("videoUrl" not in one for one in states[:-1])
    seen = [line["result"]["response"] for line in case("rest_video.ndjson") if "response" in line["result"]]
    seen = [one["streamingVideoGenerationResponse"] for one in seen if "streamingVideoGenerationResponse" in one]
    assert set(states[0]) >= set(seen[0])
    assert set(states[-1]) >= set(seen[-1])
    assert answer.text == answer.model["message"] == "I generated a video."
    assert answer.model["fileAttachments"] == [states[-1]["videoId"]]
    (soft,) = [one for one in answer.frames if one.get("isSoftStop")]
    assert soft["token"] == "."
    video, thumbnail = (browser.get("/" + states[-1][name]) for name in ("videoUrl", "thumbnailImageUrl"))
    assert (video.headers["content-type"], video.content[4:8]) == ("video/mp4", b"ftyp")
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert httpx.get(str(video.url)).status_code == 403


def test_a_moderated_video_has_no_address(grok, browser):
    grok.reply(videos=[{"prompt": "x", "moderated": True}])
    answer = browser.new()
    last = answer.members("streamingVideoGenerationResponse")[-1]
    assert (last["moderated"], "videoUrl" in last, answer.model["fileAttachments"]) == (True, False, [])


async def test_files_and_videos_are_chunks_of_the_gateway(grok, browser):
    grok.reply("Both.", files=[TABLE], videos=["waves"])
    async with Open(grok) as talk:
        await talk.create(CHUNKS)
        told = await talk.ask()
    (file,) = [chunk["render_file_preview"] for chunk in told.chunks("render_file_preview")]
    (seen,) = [line["event"]["chunk"] for line in case("gateway_file_only.jsonl") if "chunk" in line["event"]]
    assert set(file) >= set(seen["render_file_preview"])
    videos = [chunk["render_generated_video"] for chunk in told.chunks("render_generated_video")]
    assert [one["progress"] for one in videos][-2:] == [95, 100]
    assert told.one("response.output_text.done")["text"] == told.text == "Both."
    (turn,) = grok.turns
    (stored,) = browser.load(turn.conversation_id, turn.response_id)
    assert {one["name"] for one in stored["fileAttachmentAssetMetadata"]} == {"table.csv", "generated_video.mp4"}
    assert content_of(browser, turn.conversation_id, file["file_path"]).json()["size"] == 8
    assert browser.get("/" + videos[-1]["videoUrl"]).status_code == 200


async def test_files_and_videos_are_outputs_of_the_delta_dialect(grok):
    grok.reply(files=[TABLE], videos=["waves"])
    async with Open(grok) as talk:
        await talk.create(None)
        told = await talk.ask()
    outputs = [event["output"] for event in told.of("response.grok.output")]
    assert [one["card_attachment"]["file_name"] for one in outputs if "card_attachment" in one] == ["table.csv"]
    assert "videoUrl" in [one["generated_video"] for one in outputs if "generated_video" in one][-1]
    assert 'card_type="rendered_file_card"' in told.deltas(thinking=False)


# -- pictures


def colours(content):
    """The picture, how many colours it has in small, and how strong the strongest is, of 255."""
    picture = Image.open(io.BytesIO(content))
    _, saturation, _ = picture.convert("HSV").getextrema()
    return picture, len(picture.resize((16, 16)).getcolors()), saturation[1]


def test_pictures_are_worth_looking_at(grok, browser):
    grok.reply(images=[{"prompt": prompt, "shape": "a"} for prompt in ("a red fox", "a blue whale", "\ud800" * 300)])
    answer = browser.new("Draw")
    frames = answer.members("streamingImageGenerationResponse")
    finished = [browser.get("/" + one["imageUrl"]).content for one in frames if one["progress"] == 100]
    previews = [browser.get("/" + one["imageUrl"]).content for one in frames if one["progress"] == 50]
    assert len(set(finished)) == 3
    for content in finished:
        picture, count, saturation = colours(content)
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (512, 512))
        assert count > 16
        assert saturation > 128
    assert {colours(content)[0].size for content in previews} == {(128, 128)}
    (size,) = answer.members("imageDimensions")
    assert size == {"width": 512, "height": 512}
    blank = Image.open(io.BytesIO(drawn(""))).convert("L")
    words = Image.open(io.BytesIO(finished[0])).convert("L").crop((128, 240, 384, 272))
    assert words.getextrema() == (0, 255)  # white letters with a black edge, as nothing else in it is
    assert blank.size == (512, 512)


def test_an_edited_picture_is_a_card_of_its_own_and_made_of_what_is_attached(grok, browser):
    original = drawn("a red fox")
    part = {"file": ("fox.jpg", original, "image/jpeg")}
    uploaded = browser.http.post("/http/upload-file-v2/direct", files=part).json()["fileMetadata"]["fileMetadataId"]
    grok.reply(images=["at night"], edited=True)
    answer = browser.new("Make it night", fileAttachments=[uploaded])
    cards = [json.loads(one["jsonData"]) for one in answer.members("cardAttachment")]
    assert {(card["type"], card["cardType"]) for card in cards} == {("render_edited_image", "edited_image_card")}
    assert 'card_type="edited_image_card" type="render_edited_image"' in answer.text
    assert browser.get("/" + cards[-1]["image_chunk"]["imageUrl"]).content == drawn("at night", original)
    assert drawn("at night", original) not in {drawn("at night"), original}
    assert drawn("at night", b"no picture") == drawn("at night")


async def test_an_edited_picture_has_chunks_of_its_own_on_the_gateway(grok, browser):
    for dialect in (CHUNKS, None):
        grok.reply(images=["at night"], edited=True)
        async with Open(grok) as talk:
            await talk.create(dialect)
            told = await talk.ask("Make it night")
        if dialect is None:
            outputs = [event["output"] for event in told.of("response.grok.output")]
            cards = [one["card_attachment"] for one in outputs if "card_attachment" in one]
            assert {card["cardType"] for card in cards} == {"edited_image_card"}
            continue
        (start,) = told.chunks("render_start")
        assert start["render_start"]["edited_image"]["prompt"] == "at night"
        shown = [chunk["render_edited_image"] for chunk in told.chunks("render_edited_image")]
        assert [one["image_chunk"]["progress"] for one in shown] == [50, 100]
        assert all(one["image_id"] for one in shown)
    stored = chunk_view(browser, grok.turns[0].conversation_id)[1]["outputChunks"]
    assert [one["renderEditedImage"]["imageChunk"]["progress"] for one in stored if "renderEditedImage" in one] == [100]


# -- the two views of what is stored (rest.md 8.3)


def chunk_view(browser, conversation_id):
    path = f"{CONVERSATIONS}/{conversation_id}/responses"
    return browser.get(path, params={"includeThreads": "true", "useChunk": "true"}).json()["responses"]


async def test_a_stored_answer_has_a_view_in_chunks(grok, browser, wire):
    page = {"url": "https://example.com/t", "title": "Tower", "snippet": "330 m"}
    grok.reply(
        "It is 330 m tall.",
        reasoning=[{"header": "Looking it up", "summary": "In a book."}],
        search=[{"query": "tower height", "results": [page]}],
        citations=[{**page, "after": "330 m tall"}],
        images=["a tower"],
    )
    if wire == "rest":
        browser.new("How tall is the tower?")
    else:
        async with Open(grok) as talk:
            await talk.create(CHUNKS)
            await talk.ask("How tall is the tower?")
    question, answer = chunk_view(browser, grok.turns[0].conversation_id)
    assert [set(question), set(answer)] == [
        {*one, "webSearchResults"} for one in case("stored_chunk_view.jsonl")
    ]  # and no message
    assert question["inputChunks"] == [{"text": {"text": "How tall is the tower?"}}]
    assert (question["outputChunks"], answer["inputChunks"]) == ([], [])
    assert UUID(question["parentResponseId"]).version == 5  # which no response has
    assert answer["parentResponseId"] == question["responseId"]
    assert [one["url"] for one in answer["webSearchResults"]] == [page["url"]]
    chunks = answer["outputChunks"]
    texts = [(one["text"]["channel"].rpartition("_")[2], one["text"]["text"]) for one in chunks if "text" in one]
    assert texts == [
        ("HEADER", "Thinking about your request"),
        ("HEADER", "Looking it up"),
        ("SUMMARY", "In a book."),
        ("RESPONSE", "It is 330 m tall"),
        ("RESPONSE", "."),
    ]
    (card,) = [one["toolUsageCard"] for one in chunks if "webSearch" in one.get("toolUsageCard", {})]
    (result,) = [one["toolResult"] for one in chunks if "toolResult" in one]
    assert card["webSearch"] == {"args": {"query": "tower height"}}
    assert result == {"toolCallId": card["toolUsageCardId"], "webSearch": {"webpages": [page]}}
    (cited,) = [one["renderCitation"] for one in chunks if "renderCitation" in one]
    assert list(cited) == ["id", "kind", "url", "citationId"]
    (picture,) = [one["renderGeneratedImage"] for one in chunks if "renderGeneratedImage" in one]
    assert picture["imageChunk"]["progress"] == 100
    assert all(set(one["metadata"]) <= {"stepId", "phaseIndex"} for one in chunks)


def test_without_asking_a_stored_answer_is_a_message_with_empty_chunk_lists(grok, browser):
    grok.reply("Yes.")
    answer = browser.new()
    whole = browser.get(f"{CONVERSATIONS}/{answer.conversation_id}/responses").json()["responses"]
    assert [(one["message"], one["inputChunks"], one["outputChunks"]) for one in whole] == [
        ("Hi", [], []),
        ("Yes.", [], []),
    ]


# -- attachments and uploads

STEPS = "/rest/app-chat/upload-file-v2"


def announced_upload(browser):
    body = {"fileName": "a.txt", "fileMimeType": "text/plain", "sizeBytes": 5, "multipartSupported": False}
    return browser.http.post(f"{STEPS}/init", json=body).json()


def put_bytes(announced):
    target = announced["singlePut"]
    return httpx.put(target["url"], content=b"hello", headers=target["requiredHeaders"]).status_code


def test_an_upload_in_three_steps(grok, browser):
    def completed():
        return browser.http.post(f"{STEPS}/complete", json={"presigned": {"uploadId": upload_id, "completedParts": []}})

    def state():
        return browser.get(f"{STEPS}/status", params={"uploadId": upload_id}).json()

    announced = announced_upload(browser)
    upload_id = announced["uploadId"]
    assert list(announced) == ["uploadId", "uploadMethod", "singlePut"]
    assert (state()["status"], completed().status_code) == ("INITIALIZED", 400)
    assert httpx.put(announced["singlePut"]["url"], content=b"x").status_code == 403  # without the required header
    assert (put_bytes(announced), state()["status"]) == (200, "UPLOADED")
    file_id = completed().json()["fileMetadata"]["fileMetadataId"]
    assert completed().json()["fileMetadata"]["fileMetadataId"] == file_id
    assert list(state()) == ["uploadId", "assetId", "status", "fileMetadata", "errorMessage"]
    assert (state()["status"], state()["assetId"]) == ("SUCCESS", file_id)
    assert {key: file.content for key, file in grok.uploads.items()} == {file_id: b"hello"}
    browser.new("What is it?", fileAttachments=[file_id])
    assert [file.name for file in grok.turns[0].files] == ["a.txt"]
    upload_id = "unknown"
    assert (completed().status_code, state()["code"]) == (404, 5)


def test_the_last_step_can_be_refused(grok, browser):
    announced = announced_upload(browser)
    put_bytes(announced)
    grok.fault("upload_refused")
    presigned = {"presigned": {"uploadId": announced["uploadId"], "completedParts": []}}
    refused = browser.http.post(f"{STEPS}/complete", json=presigned).json()
    assert list(refused["terminalError"])[-1] == "attachmentModerated"
    assert browser.get(f"{STEPS}/status", params={"uploadId": announced["uploadId"]}).json()["status"] == "ERROR"


def test_attachments_bring_reports_of_progress(grok, browser):
    reply = browser.http.post("/http/upload-file-v2/direct", files={"file": ("a.txt", b"hi", "text/plain")}).json()
    answer = browser.new(fileAttachments=[reply["fileMetadata"]["fileMetadataId"]])
    reports = answer.members("progressReport")
    assert {one["category"] for one in reports} == {"PROGRESS_REPORT_CATEGORY_ATTACHMENTS_PREPROCESSING"}
    assert [one["state"].rpartition("_")[2] for one in reports] == ["PENDING", "SUCCESS"]
    assert list(reports[0]) == ["category", "state", "message", "percentage"]
    assert browser.new().members("progressReport") == []
