"""What Grok made beside the text: pictures, videos and files, each reported once, however often it is named.

A thing may be named by a card, by a frame of its own and again by the definitive answer. Which of these come, and in
which order, differs between the wires and the years (rest.md 4.7, 4.8 and 8.2, gateway.md 4.7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from langchain_grokweb.wire import events as ev
from langchain_grokweb.wire.json_fields import Fields, get_dict, get_objects, get_str

_EDITED = {"edited_image_card", "render_edited_image"}
_IMAGE_CARDS = {"generated_image_card", *_EDITED}
_FILE_CARD = "rendered_file_card"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLACE = re.compile(r"/generated/([^/]+)/")
_WHOLE = 100  # percent


class MadeThings:
    """Reads pictures, videos and files; `report` takes their events."""

    def __init__(self, assets_url: str, report: Callable[[ev.Event], None]) -> None:
        self._assets_url = assets_url.rstrip("/")
        self._report = report
        self.pictures: tuple[str, ...] = ()  # that are finished
        self._size: tuple[int | None, int | None] = (None, None)
        self._announced: dict[str, str] = {}  # card id -> prompt
        self._edited: set[str] = set()  # ids of cards of pictures that are edited ones
        self._settled: set[str] = set()  # pictures and videos that are finished or withheld
        self._files: set[str] = set()  # ids, names and addresses
        self._videos: dict[str, None] = {}  # that were begun, in order

    def take_card(self, card: Fields) -> bool:
        """A card; whether it is about something that was made."""
        if get_str(card, "cardType") in _IMAGE_CARDS or "image_chunk" in card or "imageChunk" in card:
            chunk = get_dict(card, "image_chunk") or get_dict(card, "imageChunk")
            is_edited = not _EDITED.isdisjoint((get_str(card, "cardType"), get_str(card, "type")))
            self.image_card(card["id"], chunk, get_str(card, "prompt"), edited=is_edited)
        elif get_str(card, "cardType") == _FILE_CARD or get_str(card, "file_name", "file_path"):
            self.file(card)
        elif (chunk := get_dict(card, "video_chunk") or get_dict(card, "videoChunk")) or "generated_video" in get_str(
            card, "cardType", "type"
        ):
            self.video({**card, **chunk}, card["id"])
        else:
            return False
        return True

    def is_picture(self, card_id: str) -> bool:
        """Whether a card with this id announced a picture."""
        return card_id in self._announced

    # --- pictures

    def image_card(self, card_id: str, chunk: Fields, prompt: str = "", *, edited: bool = False) -> None:
        """A picture that belongs to a card; an empty chunk only announces it."""
        if edited:
            self._edited.add(card_id)
        self._announced[card_id] = prompt or self._announced.get(card_id, "")
        if size := get_dict(chunk, "resolution"):
            self.image_size(size.get("width"), size.get("height"))
        if chunk:
            self.image(
                picture_id=get_str(chunk, "imageUuid", "image_uuid") or card_id,
                url=get_str(chunk, "imageUrl", "image_url"),
                progress=chunk.get("progress"),
                moderated=bool(chunk.get("moderated")),
                failure=str(chunk.get("systemErrCode") or ""),
                card_id=card_id,
            )

    def image_size(self, width: Any, height: Any) -> None:
        """The size of the pictures that follow, in pixels."""
        if isinstance(width, int) and isinstance(height, int):
            self._size = (width, height)

    def image(
        self,
        *,
        picture_id: str,
        url: str,
        progress: Any,
        moderated: bool,
        failure: str = "",
        card_id: str = "",
    ) -> None:
        """A picture, or a preview of one; `progress` in percent, 100 is finished. Without an id its address is one."""
        picture_id = picture_id or url
        if moderated or failure:
            if self._settle(picture_id, card_id):
                self._report(ev.ImageWithheld(picture_id, failure or "moderated"))
            return
        address = self._address(url)
        if not address:
            return
        if isinstance(progress, int | float) and progress < _WHOLE:
            if picture_id not in self._settled:
                self._report(ev.ImagePreview(picture_id, address, int(progress)))
        elif self._settle(picture_id, card_id):
            self.pictures = (*self.pictures, picture_id)
            width, height = self._size
            prompt, is_edited = self._announced.get(card_id, ""), card_id in self._edited
            self._report(ev.ImageFinished(picture_id, address, prompt, width, height, is_edited))

    def image_listed(self, url: Any) -> None:
        """A finished picture, known by its address alone, from the definitive answer."""
        if isinstance(url, str) and self._address(url):
            self.image(picture_id=_id_in(url), url=url, progress=_WHOLE, moderated=False)

    def _settle(self, *ids: str) -> bool:
        """Whether the first of these is news."""
        news = ids[0] not in self._settled
        self._settled.update(ids)
        return news

    # --- videos

    def video(self, fields: Fields, card_id: str = "") -> None:
        """A frame about a video: how far it is, or where it stands when it is finished."""
        video_id = get_str(fields, "videoId", "video_id") or card_id
        url = get_str(fields, "videoUrl", "video_url", "url")
        if video_id:
            self._videos.setdefault(video_id)
        if fields.get("moderated"):
            if self._settle(video_id or url):
                self._report(ev.ImageWithheld(video_id or url))
        elif address := self._address(url):
            self._video(video_id or url, address, get_str(fields, "prompt", "query"))

    def _video(self, video_id: str, address: str, prompt: str = "") -> None:
        if self._settle(video_id):
            self._settled.add(address)
            kind = "webm" if address.split("?", maxsplit=1)[0].endswith(".webm") else "mp4"
            self._report(ev.VideoMade(video_id, address, f"video/{kind}", prompt))

    # --- files

    def file(self, card: Fields) -> None:
        """The card of a file, or the member of a chunk that shows it (rest.md 8.2, gateway.md 9.4)."""
        url, path = self._address(get_str(card, "url")), get_str(card, "file_path", "filePath")
        name = get_str(card, "file_name", "fileName", "name") or path.rpartition("/")[2]
        if url or path:
            mime_type = get_str(card, "mime_type", "mimeType", "content_type")
            size = _count(card.get("file_size"))
            self._file(ev.FileMade(get_str(card, "id") or path or url, url, name, mime_type, size, path))

    def _file(self, file: ev.FileMade) -> None:
        known_by = {file.id, file.url, file.path} - {""}
        if not known_by & self._files:
            self._report(file)
        self._files |= known_by | {file.name}

    # --- the definitive answer

    def listed(self, response: Fields) -> None:
        """What the definitive answer lists beside its cards: pictures, files, and a video without an address."""
        urls = response.get("generatedImageUrls")
        for url in urls if isinstance(urls, list) else []:
            self.image_listed(url)
        for asset in get_objects(response, "fileAttachmentAssetMetadata"):
            if asset.get("isModelGenerated") is True:
                self._asset(asset)
        attached = response.get("fileAttachments")
        first = attached[0] if isinstance(attached, list) and attached else None
        for video_id in self._videos:
            if video_id not in self._settled and isinstance(first, str) and (address := self._address(first)):
                self._video(video_id, address)

    def _asset(self, asset: Fields) -> None:
        key, name, kind = get_str(asset, "key"), get_str(asset, "name"), get_str(asset, "mimeType")
        address = self._address(key)
        if not address or name in self._files or address in self._files | self._settled:
            return
        if kind.startswith("image/"):
            self.image_listed(key)
        elif kind.startswith("video/"):
            place = _PLACE.search(key)
            self._video(place[1] if place else get_str(asset, "assetId") or key, address)
        else:
            size = _count(asset.get("sizeBytes"))
            self._file(ev.FileMade(get_str(asset, "assetId") or key, address, name, kind, size))

    def close(self) -> None:
        """The answer is over: what was announced and never came was moderated (rest.md 4.7)."""
        for card_id in self._announced:
            if self._settle(card_id):
                self._report(ev.ImageWithheld(card_id))

    def _address(self, url: str) -> str:
        """An absolute address; empty for others than keys of the assets host (`prompt://…`, `data:…`)."""
        if url.startswith(("https://", "http://")):
            return url
        return "" if not url or ":" in url.split("/", maxsplit=1)[0] else f"{self._assets_url}/{url.lstrip('/')}"


def _count(value: Any) -> int | None:
    """A number of bytes; 64 bits may come as text."""
    return int(value) if re.fullmatch(r"[0-9]{1,15}", str(value)) else None


def _id_in(url: str) -> str:
    """The id of a picture, which stands in its address."""
    ids = _UUID.findall(url.lower().split("/generated/")[-1])
    return ids[0] if ids else url
