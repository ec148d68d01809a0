"""What is around the chat: the list of conversations, files, pictures, quotas, modes, the account, the sign-in page."""

import base64

import httpx
import pytest

from testing.asking import CONVERSATIONS, sample

ENVELOPED = "/rest/app-chat/conversations_v2"


def ids(page):
    return [one["conversationId"] for one in page["conversations"]]


def test_the_list_is_newest_change_first_without_temporary_ones(grok, browser):
    first, second = browser.new("first"), browser.new("second")
    browser.new("private", temporary=True)
    page = browser.get(CONVERSATIONS).json()
    assert list(page) == list(sample("unary/conversations_list.json"))
    assert list(page["conversations"][0]) == list(sample("unary/conversations_list.json")["conversations"][0])
    assert ids(page) == [second.conversation_id, first.conversation_id]
    browser.http.put(f"{CONVERSATIONS}/{first.conversation_id}", json={"starred": True})
    assert ids(browser.get(CONVERSATIONS).json()) == [first.conversation_id, second.conversation_id]
    assert ids(browser.get(CONVERSATIONS, params={"searchQuery": "SECOND"}).json()) == [second.conversation_id]


def test_the_list_is_paged_with_a_cap(browser):
    made = [browser.http.post(CONVERSATIONS, json={}).json()["conversationId"] for _ in range(62)]
    found, token, sizes = [], "", []
    while True:
        page = browser.get(CONVERSATIONS, params={"pageSize": "100", "pageToken": token}).json()
        found += ids(page)
        sizes.append(len(page["conversations"]))
        token = page["nextPageToken"]
        if not token:
            break
    assert found == made[::-1]
    assert sizes == [60, 2]
    assert browser.get(CONVERSATIONS, params={"pageToken": "?"}).status_code == 400


def test_looking_and_renaming(browser):
    answer = browser.new()
    place = f"{CONVERSATIONS}/{answer.conversation_id}"
    renamed = browser.http.put(place, json={"title": "My new title"}).json()
    assert renamed["title"] == "My new title"
    whole = browser.get(f"{ENVELOPED}/{answer.conversation_id}").json()
    assert list(whole) == list(sample("unary/conversations_v2_get.json"))
    assert whole["conversation"] == browser.get(place).json() == renamed
    assert browser.get(f"{ENVELOPED}/nothing").json()["code"] == 5


def test_deleting_and_restoring(browser):
    answer = browser.new()
    place = f"{CONVERSATIONS}/{answer.conversation_id}"
    assert browser.http.delete(f"{CONVERSATIONS}/soft/{answer.conversation_id}").json() == {}
    assert browser.get(f"{ENVELOPED}/{answer.conversation_id}").status_code == 404
    assert browser.get(CONVERSATIONS).json()["conversations"] == []
    assert ids(browser.get(f"{CONVERSATIONS}/deleted").json()) == [answer.conversation_id]
    assert browser.follow(answer).status == 404
    browser.http.post(f"{CONVERSATIONS}/restore", json={"conversationId": answer.conversation_id})
    assert browser.follow(answer).status == 200
    assert browser.http.delete(place).json() == {}
    assert browser.http.delete(place).status_code == 404


EVERY_BYTE = bytes(range(256)) + b"\r\n\n\r--x\r\n" + b"end\r\n"


def test_a_classic_upload_can_be_attached(grok, browser):
    body = sample("unary/upload_file_request.json") | {"content": base64.b64encode(EVERY_BYTE).decode()}
    kept = browser.http.post("/rest/app-chat/upload-file", json=body).json()
    assert list(kept) == list(sample("unary/upload_file_reply.json"))
    assert browser.get("/" + kept["fileUri"]).content == EVERY_BYTE
    answer = browser.new(fileAttachments=[kept["fileMetadataId"]])
    (user,) = answer.members("userResponse")
    assert user["fileAttachments"] == [kept["fileMetadataId"]]
    assert user["fileUris"] == [kept["fileUri"]]
    assert user["fileAttachmentsMetadata"][0]["fileName"] == "notes.txt"
    (file,) = grok.turns[0].files
    assert (file.name, file.mime_type, file.content) == ("notes.txt", "text/plain", EVERY_BYTE)
    found = browser.http.post(f"/rest/app-chat/file-metadata/{kept['fileMetadataId']}", json={}).json()
    assert found["fileMetadataId"] == kept["fileMetadataId"]


def test_a_multipart_upload_keeps_every_byte(grok, browser):
    form = {"file": ("bild ü.png", EVERY_BYTE, "image/png")}
    reply = browser.http.post("/http/upload-file-v2/direct", files=form, data={"file_source": "X"}).json()
    wanted = sample("unary/upload_file_v2_direct_reply.json")
    assert list(reply) == list(wanted)
    assert list(reply["fileMetadata"]) == list(wanted["fileMetadata"])
    (file,) = grok.uploads.values()
    assert (file.content, file.mime_type, file.name) == (EVERY_BYTE, "image/png", "bild ü.png")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rest/app-chat/upload-file", b'{"fileName":"a","content":"***"}'),
        ("/rest/app-chat/upload-file", b'{"fileName":"a"}'),
        ("/http/upload-file-v2/direct", b"no form"),
        (f"{CONVERSATIONS}/new", b'{"message":"x","fileAttachments":["unknown"]}'),
    ],
)
def test_broken_uploads_and_unknown_attachments_are_refused(browser, path, body):
    response = browser.http.post(path, content=body)
    assert (response.status_code, response.json()["code"]) == (400, 3)


@pytest.mark.parametrize("path", ["/rest/app-chat/upload-file", "/http/upload-file-v2/direct"])
def test_an_upload_can_be_refused(grok, browser, path):
    def upload():
        if path.startswith("/http"):
            return browser.http.post(path, files={"file": ("a.txt", b"hi", "text/plain")})
        return browser.http.post(path, json={"fileName": "a.txt", "fileMimeType": "text/plain", "content": "aGk="})

    grok.fault("upload_refused")
    assert browser.new().text  # it strikes uploads alone
    refused = upload()
    assert "moderated" in refused.text
    if path.startswith("/http"):
        assert list(refused.json()) == ["uploadId", "terminalError"]
        assert refused.json()["terminalError"]["attachmentModerated"] == {}
    else:
        assert (refused.status_code, refused.json()["code"]) == (400, 3)
    assert grok.uploads == {}
    assert upload().status_code == 200
    with pytest.raises(ValueError, match="attachment_moderated"):
        grok.fault("upload_refused", kind="earthquake")


def test_what_was_attached_can_be_read_again(browser):
    kept = browser.http.post("/http/upload-file-v2/direct", files={"file": ("a.txt", b"hi", "text/plain")}).json()
    answer = browser.new(fileAttachments=[kept["fileMetadata"]["fileMetadataId"]])
    (user,) = answer.members("userResponse")
    (stored,) = browser.load(answer.conversation_id, user["responseId"])
    assert stored["fileAttachments"] == [kept["fileMetadata"]["fileMetadataId"]]
    assert stored["fileAttachmentsMetadata"] == [kept["fileMetadata"]]


def test_questions_that_are_too_long_are_answered_with_an_error(emulator):
    grok, browser = emulator(longest_prompt=3)
    grok.reply("kept")
    found = browser.new("long").members("error")
    assert [list(one) for one in found] == [["message", "severity", "userPromptTooLong"]]
    assert browser.new("hey").text == "kept"


def test_pictures_need_the_cookie_and_moderated_ones_are_missing(seed_era):
    grok, browser = seed_era
    grok.reply(images=["x", {"prompt": "y", "moderated": True}])
    answer = browser.new("Draw", modelName="grok-3")
    preview, _, final, hidden = [one["imageUrl"] for one in answer.members("streamingImageGenerationResponse")]
    response = browser.get("/" + final)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.content.startswith(b"\xff\xd8\xff")
    assert response.content.endswith(b"\xff\xd9")
    assert browser.get("/" + preview).content != response.content
    assert browser.get("/" + hidden).status_code == 404
    assert browser.get(f"/users/{grok.user_id}/nothing/content").status_code == 404
    for key in (final, f"users/{grok.user_id}/nothing/content"):
        assert httpx.get(f"{grok.base_url}/{key}").status_code == 403


def test_quotas_of_both_eras(grok, browser):
    def quota(**body):
        return browser.http.post("/rest/rate-limits", json=body).json()

    assert list(quota(**sample("unary/rate_limits_2025_request.json"))) == list(
        sample("unary/rate_limits_2025_reply.json")
    )
    fresh = quota(modelName="auto")
    assert list(fresh) == list(sample("unary/rate_limits_2026_reply.json"))
    browser.new()
    assert quota(modelName="auto")["remainingQueries"] == fresh["remainingQueries"] - 1
    grok.set_quota("auto", 1, total=25)
    browser.new()
    assert quota(modelName="auto") == sample("unary/rate_limits_2026_exhausted_reply.json")
    assert browser.new().members("error")
    assert browser.http.post("/rest/rate-limits", json={"modelName": "nope"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/rest/modes", "modes_reply.json"),
        ("GET", "/api/auth/session", "auth_session_reply.json"),
    ],
)
def test_account_replies_have_the_members_of_the_samples(emulator, method, path, name):
    _, browser = emulator(tier="super")
    found = browser.http.request(method, path).json()
    wanted = sample(f"unary/{name}")
    assert list(found) == list(wanted)
    for member, value in wanted.items():
        if isinstance(value, list) and value:
            assert [list(one) for one in found[member]] == [list(one) for one in value[: len(found[member])]]


def test_the_menu_is_that_of_august_2026(emulator):
    _, browser = emulator(tier="basic")
    menu = browser.http.post("/rest/modes", json={}).json()
    assert [mode["id"] for mode in menu["modes"]] == ["auto", "fast", "expert", "heavy", "build"]
    needed = [mode["availability"].get("requiresUpgrade", {}) for mode in menu["modes"]]
    assert [one.get("minimumSubscriptionTier") for one in needed] == [
        None,
        None,
        None,
        "TIER_SUPERGROK_HEAVY",
        "TIER_SUPERGROK_PLUS",
    ]
    older = sample("unary/modes_reply.json")
    assert menu["defaultModeId"] == older["defaultModeId"]
    assert [list(mode) for mode in menu["modes"]] == [list(mode) for mode in older["modes"]]


def test_what_is_unknown_is_not_found(browser):
    for method, path in (("GET", "/rest/nothing"), ("DELETE", "/rest/modes"), ("POST", "/")):
        response = browser.http.request(method, path)
        assert response.status_code == 404
        assert response.json() == {"code": 5, "message": "Not Found", "details": []}


def test_signing_in_by_hand(grok):
    with httpx.Client(base_url=grok.base_url) as client:
        page = client.get("/")
        assert (page.status_code, page.headers["location"]) == (307, "/sign-in")
        assert "POST /sign-in" in client.get("/sign-in").text
        entered = client.post("/sign-in")
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        home = client.get("/")
        assert home.status_code == 200
        assert f"x-userid={grok.user_id}" in home.headers["set-cookie"]
        assert client.get("/api/auth/session").json()["session"]["userId"] == grok.user_id
    assert grok.cookies.startswith("sso=")
    assert f"x-userid={grok.user_id}" in grok.cookies
