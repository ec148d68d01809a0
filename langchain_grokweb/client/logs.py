"""Keeps cookies out of the logs of the libraries below: at DEBUG, httpcore logs the headers of every reply."""

from __future__ import annotations

import logging
import re

_SET_COOKIE = re.compile(r"(\(b'set-cookie', b)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.IGNORECASE)


class _WithoutCookies(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            record.msg = _SET_COOKIE.sub(r"\1'[cookie]'", record.msg)
        return True


def keep_cookies_out() -> None:
    """Do so from now on, for the life of the process."""
    for name in ("httpcore.http11", "httpcore.http2"):
        logger = logging.getLogger(name)
        if not any(isinstance(found, _WithoutCookies) for found in logger.filters):
            logger.addFilter(_WithoutCookies())
