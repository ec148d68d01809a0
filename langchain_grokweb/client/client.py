"""`GrokWebClient`: the account's conversations, for users; asynchronous, and with a blocking face.

What only its own users need (`client.account.conversations`) is imported when it is used: importing a chat model
does not cost it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self, overload

from langchain_grokweb.client import portal, state
from langchain_grokweb.client.account.check import Check
from langchain_grokweb.client.account.exported import Exported, ExportFormat
from langchain_grokweb.client.account.modes import AvailableMode, list_modes
from langchain_grokweb.client.account.pictures import Pictures
from langchain_grokweb.client.account.quota import Quota, quotas
from langchain_grokweb.client.network.http import Http
from langchain_grokweb.client.network.pool import require_asyncio
from langchain_grokweb.client.opener import Opener
from langchain_grokweb.client.retry import OnRetry
from langchain_grokweb.client.service import (
    BASE_URL_VARIABLE,
    COOKIES_VARIABLE,
    GROK_URL,
    ExtraHeaders,
    HttpClient,
    Service,
    assets_of,
    check_proxy,
    check_url,
)
from langchain_grokweb.client.sign_in import saved_credentials
from langchain_grokweb.client.uploads import UploadedFile, UploadProgress, upload
from langchain_grokweb.credentials import CookieSource, GrokCredentials
from langchain_grokweb.wire.conversation_ids import parse_conversation
from langchain_grokweb.wire.stored import Conversation, StoredConversation


class GrokWebClient:
    """grok.com in one account's name: its conversations, and the modes that it may use. Knows no LangChain.

    It holds no connection, so it costs nothing to make and nothing has to be closed. Its methods are asynchronous;
    `blocking` has the same ones for everybody else. A conversation is named by its id, or by its address as the browser
    shows it, `https://grok.com/c/<id>`.

    Example:
        ```python
        from langchain_grokweb import GrokWebClient

        async def main():
            client = GrokWebClient(cookies="sso=...; sso-rw=...")
            async for conversation in client.conversations(search="foxes"):
                print(conversation.modified, conversation.title, conversation.id)
        ```
    """

    def __init__(
        self,
        *,
        cookies: CookieSource | None = None,
        credentials: GrokCredentials | None = None,
        base_url: str | None = None,
        assets_url: str | None = None,
        proxy: str | None = None,
        timeout: float = 30,
        headers: ExtraHeaders | None = None,
        http_client: HttpClient | None = None,
    ) -> None:
        """Make one; nothing is sent.

        Args:
            cookies: Anything that `GrokCredentials.parse` reads. Without them and `credentials`, the environment's
                `GROKWEB_COOKIES` is read when the first request is made, or what `grokweb login` has saved.
            credentials: Ready credentials, instead of `cookies`.
            base_url: The service's address; the environment's `GROKWEB_BASE_URL`, or grok.com.
            assets_url: The address of pictures; grok.com's, or `base_url` where that is another.
            proxy: One proxy for every request; the environment's where unset.
            timeout: Seconds for each request.
            headers: Extra request headers: a mapping, or a callable `(method, path) -> mapping`.
            http_client: Your own client, never closed here; it serves the asynchronous methods alone.

        Raises:
            GrokWebAuthenticationError: There is no usable `sso` in `cookies`.
            ValueError: An address cannot be used.
        """
        source = "`base_url=`" if base_url else BASE_URL_VARIABLE
        base_url = check_url(base_url or os.environ.get(BASE_URL_VARIABLE) or GROK_URL, source)
        self._service = Service(
            base_url=base_url,
            assets_url=check_url(assets_url, "`assets_url=`") if assets_url else assets_of(base_url),
            timeout=timeout,
            proxy=check_proxy(proxy) if proxy else None,
            headers=headers,
            http_client=http_client,
        )
        try:
            if credentials is None and cookies is not None:
                credentials = GrokCredentials.parse(cookies, base_url=self._service.origin)
        finally:
            del cookies  # Whoever reports the error with the frame's variables must not find it here.
        self._credentials = credentials

    @classmethod
    def over(cls, service: Service, credentials: GrokCredentials) -> Self:
        """One over a service that is described already."""
        client = cls.__new__(cls)
        client._service, client._credentials = service, credentials  # noqa: SLF001 - its own
        return client

    def _find_credentials(self) -> GrokCredentials:
        if self._credentials is not None:
            return self._credentials
        if not os.environ.get(COOKIES_VARIABLE):
            return saved_credentials(self._service.origin)
        return GrokCredentials.parse(os.environ.get(COOKIES_VARIABLE, ""), base_url=self._service.origin)

    @property
    def _http(self) -> Http:
        return Http(self._service, self._find_credentials())

    # --- the account's conversations

    def conversations(self, *, search: str | None = None, page_size: int = 60) -> AsyncGenerator[Conversation, None]:
        """The conversations of the account, the newest change first; a page is fetched when it is reached.

        Source: rest.md 2.3.

        Args:
            search: Words that the site shall look for, in titles and texts.
            page_size: How many to fetch at once; the site gives 60 at most.

        Raises:
            GrokWebError: A page could not be fetched.
        """
        from langchain_grokweb.client.account.conversations import listed  # noqa: PLC0415 - see above

        return listed(self._http, "", page_size=page_size, searchQuery=search)

    def deleted_conversations(self, *, page_size: int = 60) -> AsyncGenerator[Conversation, None]:
        """Those that were deleted and can be restored."""
        from langchain_grokweb.client.account.conversations import listed  # noqa: PLC0415

        return listed(self._http, "/deleted", page_size=page_size)

    async def conversation(self, conversation: str) -> StoredConversation:
        """One conversation, with the tree of all that was said in it.

        Source: rest.md 2.1 (5) and 2.3.

        Args:
            conversation: Its id or address.

        Raises:
            GrokWebInvalidRequestError: This is neither an id nor an address of grok.com.
            GrokWebConversationNotFoundError: There is none of this id, or it is deleted.
            GrokWebError: It could not be fetched.
        """
        from langchain_grokweb.client.account.conversations import opened  # noqa: PLC0415

        return await opened(self._http, conversation)

    async def rename(self, conversation: str, title: str) -> Conversation:
        """Give a conversation another title. Raises as `conversation` does."""
        from langchain_grokweb.client.account.conversations import renamed  # noqa: PLC0415

        return await renamed(self._http, conversation, title)

    async def delete(self, conversation: str, *, forever: bool = False) -> None:
        """Delete a conversation. Raises as `conversation` does.

        Args:
            conversation: Its id or address.
            forever: Delete it so that it cannot be restored; also one that is deleted already.
        """
        from langchain_grokweb.client.account.conversations import delete  # noqa: PLC0415

        await delete(self._http, conversation, forever=forever)

    async def restore(self, conversation: str) -> None:
        """Take back a conversation that was deleted. Raises as `conversation` does."""
        from langchain_grokweb.client.account.conversations import restore  # noqa: PLC0415

        await restore(self._http, conversation)

    @overload
    async def download(
        self,
        item: str | Mapping[str, Any],
        path: None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str],
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Path: ...

    async def download(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes | Path:
        """The bytes of a picture, a file or a video; or the path that they were written to.

        Cookies go to the service's own hosts alone, and along no redirect. A file that Grok made comes through the
        service's own reference to it (rest.md 2.4 and 8.2).

        Args:
            item: An entry of a message's `images`, `files` or `videos`, a content block of one, or an address (also a
                key) on the host of assets.
            path: Where to write: a file, which appears when it is whole, or a directory, where it gets a name of its
                own. Without one, the bytes come back.
            progress: Is called with the bytes that have come, and how many there will be, or `None`.
            max_bytes: How much to take at most; by default 256 MiB, which is also the most that can be allowed.

        Raises:
            GrokWebInvalidRequestError: This names nothing on the service's hosts, is gone, or is too large.
            GrokWebPermissionError: The service refuses it; the message has what to do.
            GrokWebError: It could not be fetched, also after `max_retries` further tries.
            OSError: The file cannot be written.
        """
        from langchain_grokweb.client.account.downloads import download  # noqa: PLC0415

        return await download(self._http, item, path, progress=progress, max_bytes=max_bytes)

    async def upload(
        self,
        file: str | os.PathLike[str] | bytes,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: UploadProgress | None = None,
    ) -> UploadedFile:
        """Upload a file before it is asked about, and see how far it is.

        A call of a model in this process that attaches the same content under the same name and type then uploads
        nothing: it asks the service whether it still has the file, and names it.

        Args:
            file: Its path, or its bytes.
            name: What it is called; by default as at its path.
            mime_type: What it is; by default by its name.
            progress: Is called with the bytes that were sent, and how many there are, from the loop's thread. Where
                the upload is tried again, it begins again.

        Raises:
            GrokWebInvalidRequestError: It is empty, has no name, or the service takes none of this kind or size.
            GrokWebError: It could not be uploaded.
            OSError: It cannot be read.
        """
        return await upload(self._http, file, name=name, mime_type=mime_type, progress=progress)

    async def export(
        self,
        conversation: str,
        directory: str | os.PathLike[str],
        format: ExportFormat = "markdown",
    ) -> Path:
        """Write a conversation into a directory, with its pictures, files and videos beside it.

        The file appears when all of it is there. What the site does not give out any more is named in it, with its
        address. A conversation that was exported there before keeps its file, also under a new title.

        Args:
            conversation: Its id or address.
            directory: Where to; made where it is not there.
            format: `"markdown"` to read: thoughts folded, sources as footnotes. `"json"`: whole, for `read_export`.

        Returns:
            The path of the file. What belongs to it lies in a directory of the same name, ending in `.files`.

        Raises:
            GrokWebConversationNotFoundError: There is none of this id, or it is deleted.
            GrokWebError: It could not be fetched, also after further tries.
            OSError: It could not be written.
        """
        from langchain_grokweb.client.account.export import export  # noqa: PLC0415

        return await export(self._http, conversation, directory, format)

    def export_all(
        self, directory: str | os.PathLike[str], format: ExportFormat = "markdown", *, search: str | None = None
    ) -> AsyncGenerator[Exported, None]:
        """Write all conversations of the account into a directory, the newest change first; see `export`.

        An export that broke off is continued by the next one: what has not changed since it was written is not fetched
        again.

        Args:
            directory: Where to.
            format: `"markdown"` or `"json"`.
            search: Only those in which the site finds these words.

        Yields:
            What became of each, as it is done. One that is gone or cannot be read is `"failed"`; the others follow.

        Raises:
            GrokWebError: The site could not be asked any more. What is written stays.
        """
        from langchain_grokweb.client.account.export import export_all  # noqa: PLC0415

        return export_all(self._http, directory, format, search=search)

    async def latest_response(self, conversation: str) -> str:
        """The id of the newest answer of a conversation, which its next turn follows.

        Args:
            conversation: Its id or its address.

        Raises:
            GrokWebConversationNotFoundError: There is no such conversation.
            GrokWebInvalidRequestError: This names none, or it has no answer yet.
            GrokWebError: It could not be asked.
        """
        from langchain_grokweb.client.account.conversations import newest_answer  # noqa: PLC0415

        return await newest_answer(self._http, parse_conversation(conversation)[0])

    @staticmethod
    def drift() -> dict[str, int]:
        """How often grok.com sent something that this version does not know, since the process began.

        Returns:
            Counts by place, name and type, such as `{"result.someField:dict": 3}`; never a value. Many of them after a
            change of the site are what to report.
        """
        return state.drift()

    async def diagnose(self, *, model: str | None = None, ask: bool = False) -> list[Check]:
        """What works and what does not, in the order in which things depend on each other; refusals are rows too.

        Looked at are cookies, network, proxy, certificates, sign-in, modes, quota, both wires, and what was unknown.

        Args:
            model: Whose mode and quota matter; without it, any that can be used will do.
            ask: Send a tiny temporary prompt over each wire. Without it, no prompt is sent.

        Returns:
            One `Check(name, state, detail, next_step)` for each, `state` one of `"ok"`, `"warn"` and `"fail"`. What was
            not tried, since something before it failed, says so.
        """
        from langchain_grokweb.client.account.diagnose import diagnose  # noqa: PLC0415

        require_asyncio()
        return await diagnose(self._service, self._find_credentials, model=model, ask=ask)

    async def modes(self) -> list[AvailableMode]:
        """What the site offers, and which of it this account may use (`available`, else what it `requires`)."""
        return await list_modes(self._http)

    async def quota(self) -> list[Quota]:
        """What is left of each mode that this account may use, as far as the site says; one request for each.

        Where the site's anti-bot rule refuses, all numbers are `None`, and a log line says so once.

        Source: rest.md 2.5.

        Raises:
            GrokWebError: The site could not be asked.
        """
        return await quotas(self._http)

    @property
    def blocking(self) -> BlockingClient:
        """The same methods without `await`.

        Raises:
            GrokWebInvalidRequestError: There is an `http_client`, which belongs to your event loop.
        """
        self._service.check_blocking()
        return BlockingClient(self)

    # --- turns

    def pictures(self) -> Pictures:
        """What fetches the pictures of one model call while its answer goes on."""
        return Pictures(self._http)

    def opener(self, on_retry: OnRetry | None = None) -> Opener:
        """What opens the turns of one model call, and reports each failed try to open one."""
        return Opener(self._http, on_retry)

    # --- copying

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._service.base_url!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        """For a pickle, which may go anywhere: without credentials, and what may hold a secret or belongs to a loop."""
        return {
            "_service": replace(self._service, proxy=None, headers=None, http_client=None, tap=None),
            "_credentials": None,
        }


class BlockingClient:
    """What `GrokWebClient` has, without `await`: from a script, a thread, or under a loop that runs already."""

    def __init__(self, client: GrokWebClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"{self._client!r}.blocking"

    def conversations(self, *, search: str | None = None, page_size: int = 60) -> Iterator[Conversation]:
        """See `GrokWebClient.conversations`."""
        return portal.iterate(lambda: self._client.conversations(search=search, page_size=page_size))

    def deleted_conversations(self, *, page_size: int = 60) -> Iterator[Conversation]:
        """See `GrokWebClient.deleted_conversations`."""
        return portal.iterate(lambda: self._client.deleted_conversations(page_size=page_size))

    def conversation(self, conversation: str) -> StoredConversation:
        """See `GrokWebClient.conversation`."""
        return portal.call(lambda: self._client.conversation(conversation))

    def upload(
        self,
        file: str | os.PathLike[str] | bytes,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        progress: UploadProgress | None = None,
    ) -> UploadedFile:
        """See `GrokWebClient.upload`; `progress` is called in another thread."""
        return portal.call(partial(self._client.upload, file, name=name, mime_type=mime_type, progress=progress))

    def export(
        self,
        conversation: str,
        directory: str | os.PathLike[str],
        format: ExportFormat = "markdown",
    ) -> Path:
        """See `GrokWebClient.export`."""
        return portal.call(partial(self._client.export, conversation, directory, format))

    def export_all(
        self, directory: str | os.PathLike[str], format: ExportFormat = "markdown", *, search: str | None = None
    ) -> Iterator[Exported]:
        """See `GrokWebClient.export_all`."""
        return portal.iterate(lambda: self._client.export_all(directory, format, search=search))

    def latest_response(self, conversation: str) -> str:
        """See `GrokWebClient.latest_response`."""
        return portal.call(lambda: self._client.latest_response(conversation))

    @overload
    def download(
        self,
        item: str | Mapping[str, Any],
        path: None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes: ...

    @overload
    def download(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str],
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> Path: ...

    def download(
        self,
        item: str | Mapping[str, Any],
        path: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
        *,
        max_bytes: int | None = None,
    ) -> bytes | Path:
        """See `GrokWebClient.download`; `progress` is called in another thread."""
        return portal.call(partial(self._client.download, item, path, progress, max_bytes=max_bytes))

    def rename(self, conversation: str, title: str) -> Conversation:
        """See `GrokWebClient.rename`."""
        return portal.call(lambda: self._client.rename(conversation, title))

    def delete(self, conversation: str, *, forever: bool = False) -> None:
        """See `GrokWebClient.delete`."""
        portal.call(lambda: self._client.delete(conversation, forever=forever))

    def restore(self, conversation: str) -> None:
        """See `GrokWebClient.restore`."""
        portal.call(lambda: self._client.restore(conversation))

    @staticmethod
    def drift() -> dict[str, int]:
        """See `GrokWebClient.drift`."""
        return state.drift()

    def diagnose(self, *, model: str | None = None, ask: bool = False) -> list[Check]:
        """See `GrokWebClient.diagnose`."""
        return portal.call(lambda: self._client.diagnose(model=model, ask=ask))

    def modes(self) -> list[AvailableMode]:
        """See `GrokWebClient.modes`."""
        return portal.call(self._client.modes)

    def quota(self) -> list[Quota]:
        """See `GrokWebClient.quota`."""
        return portal.call(self._client.quota)
