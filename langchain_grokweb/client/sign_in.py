"""The sign-in that `grokweb login` has saved, for whoever is given no cookies."""

from __future__ import annotations

from langchain_grokweb.client import state
from langchain_grokweb.credentials import GrokCredentials
from langchain_grokweb.errors import GrokWebAuthenticationError


def saved_credentials(base_url: str) -> GrokCredentials:
    """The saved sign-in for a service. It is read again when it has changed; this looks at the disk.

    Raises:
        GrokWebAuthenticationError: None was saved, or it cannot be read.
    """
    from langchain_grokweb.credentials import saved  # noqa: PLC0415 - who has cookies needs no folder and no keyring

    path = saved.file_path()
    if path is None:
        raise GrokWebAuthenticationError(
            "There are no cookies, and a sign-in that `grokweb login` saved is read only with the extra `cli`.",
            login_url=f"{base_url}/",
            next_step='Set GROKWEB_COOKIES, pass `cookies=`, or run: pip install "langchain-grokweb[cli]"',
        )
    stamp = saved.stamp(path)
    if stamp is None:
        return GrokCredentials.parse(None, base_url=base_url)
    known = state.saved_sign_in(base_url, stamp)
    if known is not None:
        return known
    try:
        sign_in = saved.load(base_url)
    except saved.SavedError as error:
        problem = str(error)
    else:
        if sign_in is None:
            return GrokCredentials.parse(None, base_url=base_url)
        state.keep_sign_in(base_url, stamp, sign_in.credentials)
        return sign_in.credentials
    raise GrokWebAuthenticationError(
        problem, login_url=f"{base_url}/", next_step="Run `grokweb login` again, or set GROKWEB_COOKIES."
    )
