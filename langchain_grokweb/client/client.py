"""`GrokWebClient`: the account's conversations, files and quota; asynchronous, and with blocking methods.

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
    """An account at grok.com: its conversations, files, modes and quota.

    The methods are asynchronous, and `blocking` has the same methods without `await`. A client holds no connection, so
    nothing has to be closed. A `conversation` argument is an id, or an address as the browser shows it,
    `https://grok.com/c/<id>`.

    Every method that asks the site may raise an error of `langchain_grokweb.errors`.

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
        """Make a client. Nothing is sent.

        Args:
            cookies: The cookies of your browser, in any form that `GrokCredentials.parse` reads. By default: at the
                first request, the environment variable `GROKWEB_COOKIES`, else the sign-in that `grokweb login` saved.
            credentials: Parsed credentials, instead of `cookies`.
            base_url: The address of the service. By default: `GROKWEB_BASE_URL`, else `https://grok.com`.
            assets_url: The address of the host of pictures and files. By default: grok.com's own, or `base_url` for
                another service.
            proxy: The proxy for every request. By default: the environment's proxies.
            timeout: Seconds for each request.
            headers: Extra request headers: a mapping, or a function `(method, path) -> mapping`.
            http_client: Your own `httpx.AsyncClient`, for the asynchronous methods alone. It is never closed here.

        Raises:
            GrokWebAuthenticationError: There is no usable cookie `sso` in `cookies`.
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
        """A client for a service that is already described."""
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
        """The conversations of the account, the newest change first. Each page is requested when it is reached.

        Source: rest.md 2.3.

        Args:
            search: Words that the site searches for, in titles and texts.
            page_size: How many conversations to request at once; the site sends at most 60.

        Raises:
            GrokWebError: A request failed.
        """
        from langchain_grokweb.client.account.conversations import listed  # noqa: PLC0415 - see above

        return listed(self._http, "", page_size=page_size, searchQuery=search)

    def deleted_conversations(self, *, page_size: int = 60) -> AsyncGenerator[Conversation, None]:
        """The deleted conversations that can be restored. Arguments and errors as of `conversations`."""
        from langchain_grokweb.client.account.conversations import listed  # noqa: PLC0415

        return listed(self._http, "/deleted", page_size=page_size)

    async def conversation(self, conversation: str) -> StoredConversation:
        """One conversation, with all its questions and answers.

        Source: rest.md 2.1 (5) and 2.3.

        Args:
            conversation: Its id or address.

        Raises:
            GrokWebInvalidRequestError: `conversation` is neither an id nor an address of grok.com.
            GrokWebConversationNotFoundError: The account has no such conversation, or it is deleted.
            GrokWebError: The request failed.
        """
        from langchain_grokweb.client.account.conversations import opened  # noqa: PLC0415

        return await opened(self._http, conversation)

    async def rename(self, conversation: str, title: str) -> Conversation:
        """Change the title of a conversation, and return the conversation. Raises as `conversation` does."""
        from langchain_grokweb.client.account.conversations import renamed  # noqa: PLC0415

        return await renamed(self._http, conversation, title)

    async def delete(self, conversation: str, *, forever: bool = False) -> None:
        """Delete a conversation. Raises as `conversation` does.

        Args:
            conversation: Its id or address.
            forever: Delete it permanently, also if it was deleted before. `restore` cannot bring it back.
        """
        from langchain_grokweb.client.account.conversations import delete  # noqa: PLC0415

        await delete(self._http, conversation, forever=forever)

    async def restore(self, conversation: str) -> None:
        """Restore a deleted conversation. Raises as `conversation` does."""
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
        """Download a picture, a file or a video: its bytes, or the path of the written file.

        Cookies are sent to the service's own hosts alone, and redirects with cookies are not followed (rest.md 2.4 and
        8.2).

        Args:
            item: An entry of a message's `images`, `files` or `videos`, a content block, or an address or a key on the
                service's host of pictures and files.
            path: The file or the directory to write to. A file appears when it is complete. In a directory, the file
                gets a new name. Without `path`, the bytes are returned.
            progress: Called with the bytes so far, and the total in bytes or `None`.
            max_bytes: The largest size to accept, in bytes. By default: 256 MiB, which is also the limit.

        Raises:
            GrokWebInvalidRequestError: `item` is not on the service's hosts, no longer exists, or is too large.
            GrokWebPermissionError: The service refuses it; the message says what to do.
            GrokWebError: The download failed, also after `max_retries` further tries.
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
        """Upload a file before a question about it, with its progress.

        A later call in this process that attaches the same content with the same name and type does not upload it
        again, as long as the service still has the file.

        Args:
            file: The file's path, or its bytes.
            name: The file's name. By default: the name in its path.
            mime_type: The file's type, such as `image/png`. By default: the type that its name suggests.
            progress: Called with the bytes so far and the total in bytes. After a failed try, it begins again at 0.

        Raises:
            GrokWebInvalidRequestError: The file is empty, has no name, or the service refuses its type or size.
            GrokWebError: The upload failed.
            OSError: The file cannot be read.
        """
        return await upload(self._http, file, name=name, mime_type=mime_type, progress=progress)

    async def export(
        self,
        conversation: str,
        directory: str | os.PathLike[str],
        format: ExportFormat = "markdown",
    ) -> Path:
        """Write a conversation to a directory, with its pictures, files and videos.

        The file appears when the export is complete. It lists what could not be downloaded. A conversation that was
        exported there before keeps its file name, also after a new title.

        Args:
            conversation: Its id or address.
            directory: The directory to write to. It is created if it does not exist.
            format: `"markdown"` for people: reasoning folded, sources as footnotes. `"json"` for `read_export`.

        Returns:
            The path of the file. Pictures and files are in a directory beside it that ends in `.files`.

        Raises:
            GrokWebConversationNotFoundError: The account has no such conversation, or it is deleted.
            GrokWebError: A request failed, also after further tries.
            OSError: A file cannot be written.
        """
        from langchain_grokweb.client.account.export import export  # noqa: PLC0415

        return await export(self._http, conversation, directory, format)

    def export_all(
        self, directory: str | os.PathLike[str], format: ExportFormat = "markdown", *, search: str | None = None
    ) -> AsyncGenerator[Exported, None]:
        """Write all conversations of the account to a directory, the newest change first; see `export`.

        The next export continues one that broke off: it skips conversations that have not changed.

        Args:
            directory: The directory to write to. It is created if it does not exist.
            format: `"markdown"` or `"json"`.
            search: Export only the conversations in which the site finds these words.

        Yields:
            The result for each conversation. One that is deleted or cannot be read is `"failed"`, and the export
            continues.

        Raises:
            GrokWebError: A request failed. Files that were written remain.
        """
        from langchain_grokweb.client.account.export import export_all  # noqa: PLC0415

        return export_all(self._http, directory, format, search=search)

    async def latest_response(self, conversation: str) -> str:
        """The id of the newest answer of a conversation, for `parent_response_id=`.

        Args:
            conversation: Its id or address.

        Raises:
            GrokWebConversationNotFoundError: The account has no such conversation.
            GrokWebInvalidRequestError: `conversation` is not an id or address, or it has no answer yet.
            GrokWebError: The request failed.
        """
        from langchain_grokweb.client.account.conversations import newest_answer  # noqa: PLC0415

        return await newest_answer(self._http, parse_conversation(conversation)[0])

    @staticmethod
    def drift() -> dict[str, int]:
        """How often grok.com sent fields that this version does not know, since the process began.

        Returns:
            Counts by place, name and type, such as `{"result.someField:dict": 3}`, without values. If there are many,
            the site has changed: please report them.
        """
        return state.drift()

    async def diagnose(self, *, model: str | None = None, ask: bool = False) -> list[Check]:
        """Check cookies, network, proxy, certificates, sign-in, modes, quota, both wires and unknown fields.

        A failed check is a row of the result, and raises nothing.

        Args:
            model: The model whose mode and quota are checked. By default: any that the account can use.
            ask: Also send a short prompt in a private chat over each wire. By default, no prompt is sent.

        Returns:
            One `Check` for each, in the order in which they depend on each other. A check that was skipped because an
            earlier one failed says so.
        """
        from langchain_grokweb.client.account.diagnose import diagnose  # noqa: PLC0415

        require_asyncio()
        return await diagnose(self._service, self._find_credentials, model=model, ask=ask)

    async def modes(self) -> list[AvailableMode]:
        """The modes of the site, and whether this account may use each.

        Raises:
            GrokWebError: The request failed.
        """
        return await list_modes(self._http)

    async def quota(self) -> list[Quota]:
        """How many requests are left in each mode that this account may use; one request for each mode.

        Numbers that the site does not give are `None`. When its anti-bot rule refuses the request, all numbers are
        `None`, and one log line says so.

        Source: rest.md 2.5.

        Raises:
            GrokWebError: A request failed.
        """
        return await quotas(self._http)

    @property
    def blocking(self) -> BlockingClient:
        """The same methods without `await`.

        Raises:
            GrokWebInvalidRequestError: `http_client` is set: it belongs to your event loop.
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
    """The methods of `GrokWebClient` without `await`: for scripts, threads and notebooks."""

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
