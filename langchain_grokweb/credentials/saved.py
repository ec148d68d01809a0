"""Where a sign-in is kept from one program to the next: in the system's keyring, or in a file that only the user reads.

The file `sign-ins.json` in the user's configuration folder has one entry for each service: since when, which account (a
hash), until when, and where the cookies are. Where a keyring of the system is there, they are in it and nowhere else;
otherwise they are in that entry. The command `grokweb login` writes here; a model and a client only read, and read
again when the file has changed.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from langchain_grokweb.credentials.credentials import GrokCredentials

Place = Literal["keyring", "file"]
Stamp = tuple[int, int, int]

_APPLICATION = "langchain-grokweb"
_FILE = "sign-ins.json"
_RECOMMENDED = 1  # a backend of the keyring with less keeps nothing, or nothing safe
_VERSION = 1


class SavedError(Exception):
    """What is kept cannot be read or written; the text says why, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class SavedSignIn:
    """One entry.

    Attributes:
        base_url: The service.
        credentials: Who asks there.
        since: When it was saved.
        place: Where the cookies are.
    """

    base_url: str
    credentials: GrokCredentials = field(repr=False)
    since: datetime
    place: Place


def file_path() -> Path | None:
    """Where the file is, or would be; `None` without the extra `cli`, which finds a system's folders."""
    try:
        import platformdirs  # noqa: PLC0415 - of the extra `cli`
    except ModuleNotFoundError:
        return None
    return platformdirs.user_config_path(_APPLICATION, appauthor=False) / _FILE


def stamp(path: Path | None) -> Stamp | None:
    """What changes whenever a sign-in is saved or removed; `None` where none is."""
    try:
        status = os.stat(path) if path else None  # noqa: PTH116 - a tenth of what pathlib takes, before each call
    except OSError:
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size, status.st_ino)


def load(base_url: str) -> SavedSignIn | None:
    """The sign-in for a service; `None` where none was saved.

    Raises:
        SavedError: There is one, but it cannot be read.
    """
    path = file_path()
    entry = _entries(path).get(base_url)
    if path is None or not isinstance(entry, dict):
        return None
    place: Place = "keyring" if entry.get("place") == "keyring" else "file"
    secret = _from_keyring(base_url) if place == "keyring" else entry.get("secret")
    try:
        since = datetime.fromisoformat(entry["since"])
        return SavedSignIn(base_url, _credentials(secret), since, place)
    except (KeyError, TypeError, ValueError):
        pass
    raise SavedError(f"The sign-in for {base_url} that is saved in {_shown(place, path)} is damaged.")


def save(base_url: str, credentials: GrokCredentials, *, in_file: bool = False) -> Place:
    """Keep a sign-in, in the place of an older one for the same service.

    Args:
        base_url: The service.
        credentials: Who asks there.
        in_file: Whether the file is to hold the cookies even where a keyring is there.

    Raises:
        SavedError: It cannot be written.
    """
    path = file_path()
    if path is None:
        raise SavedError('Saving a sign-in needs an extra. Run: pip install "langchain-grokweb[cli]".')
    expires = credentials.expires
    secret = {
        "cookies": credentials.cookies,
        "user_agent": credentials.user_agent,
        "expires": expires.isoformat() if expires else None,
    }
    place: Place = "file" if in_file or not _into_keyring(base_url, secret) else "keyring"
    entry: dict[str, Any] = {"since": datetime.now(UTC).isoformat(timespec="seconds"), "place": place}
    if place == "file":
        _out_of_keyring(base_url)
        entry["secret"] = secret
    _write(path, _entries(path) | {base_url: entry})
    return place


def forget(base_url: str) -> bool:
    """Remove a sign-in; whether there was one.

    Raises:
        SavedError: It cannot be removed.
    """
    path = file_path()
    entries = _entries(path)
    entry = entries.pop(base_url, None)
    if path is None or entry is None:
        return False
    if isinstance(entry, dict) and entry.get("place") == "keyring" and not _out_of_keyring(base_url):
        raise SavedError("The system's keyring refuses access to the sign-in: unlock it, and try again.")
    _write(path, entries)
    return True


def _credentials(secret: Any) -> GrokCredentials:
    expires = secret["expires"]
    return GrokCredentials(
        secret["cookies"], secret["user_agent"], expires=datetime.fromisoformat(expires) if expires else None
    )


# --- the file


def _entries(path: Path | None) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["sign_ins"] if path else {}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SavedError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, LookupError, TypeError, RecursionError):
        entries = None
    if isinstance(entries, dict):
        return entries
    raise SavedError(f"{path} is damaged: remove it, and sign in again.")


def _write(path: Path, entries: dict[str, Any]) -> None:
    """Write the file as a whole or not at all, and never for other eyes."""
    text = json.dumps({"version": _VERSION, "sign_ins": entries}, indent=1)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise SavedError(f"{path} cannot be written: {error.strerror}.") from None


def _shown(place: Place, path: Path) -> str:
    return "the system's keyring" if place == "keyring" else str(path)


# --- the keyring


def _keyring() -> Any:
    """The module, if it is installed and has a backend that keeps things safe."""
    try:
        import keyring  # noqa: PLC0415 - of the extra `cli`
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    with suppress(KeyringError, OSError, RuntimeError):
        if keyring.get_keyring().priority >= _RECOMMENDED:
            return keyring
    return None


def _from_keyring(base_url: str) -> Any:
    keyring = _keyring()
    if keyring is None:
        raise SavedError(
            f"The sign-in for {base_url} is saved in the system's keyring, which this program does not have"
            ' (pip install "langchain-grokweb[cli]").'
        )
    try:
        text = keyring.get_password(_APPLICATION, base_url)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own; only the kind is said
        kind, text = type(error).__name__, ""
    else:
        kind = "there is none"
    if not text:
        raise SavedError(f"The sign-in for {base_url} cannot be read from the system's keyring: {kind}.")
    with suppress(ValueError):
        return json.loads(text)
    return None


def _into_keyring(base_url: str, secret: dict[str, Any]) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_APPLICATION, base_url, json.dumps(secret))
    except Exception:  # noqa: BLE001 - locked, refused, or too long (Windows); then the file has it
        return False
    return True


def _out_of_keyring(base_url: str) -> bool:
    """Whether nothing of it is in the keyring any more."""
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        if keyring.get_password(_APPLICATION, base_url) is not None:
            keyring.delete_password(_APPLICATION, base_url)
    except Exception:  # noqa: BLE001 - see above
        return False
    return True
