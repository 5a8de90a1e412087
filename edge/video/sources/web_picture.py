"""A still picture on a web server: fetched whole, since its reader has to know it from a film."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from edge.errors import SourceError, SourceLostError, SourceMissingError
from edge.video.picture import is_still
from edge.video.uri import without_password
from engines.pictures.formats import HEAD_BYTES, format_of

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

MAX_BYTES = 100_000_000
FETCH_S = 60.0
_BLOCK_BYTES = 1 << 16


def fetch_still(uri: str, timeout_s: float) -> bytes | None:
    """Return the still picture at a URL that is named like one; None where it is a film or stream.

    Raises:
        SourceError: there is none, the server does not answer, or it is too large.
    """
    shown = without_password(uri)
    try:
        with urllib3.PoolManager(retries=urllib3.Retry(2, backoff_factor=0.2)) as pool:
            response = pool.request(
                "GET",
                _without_user(uri),
                headers=_headers(uri),
                timeout=urllib3.Timeout(timeout_s),
                preload_content=False,
            )
            try:
                return _content(response, shown)
            finally:
                response.close()
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        found = f"does not answer ({type(error).__name__})"
        raise SourceLostError(shown, found, remedy="check the address and the network") from error


def _content(response: BaseHTTPResponse, shown: str) -> bytes | None:
    if response.status != 200:
        found = f"the server says {response.status} {response.reason or ''}".rstrip()
        raise SourceMissingError(shown, found, remedy="check the address")
    content = response.read(HEAD_BYTES)
    if format_of(content) is None:
        return None
    end_s = time.monotonic() + FETCH_S
    parts = [content]
    size = len(content)
    while part := response.read(_BLOCK_BYTES):
        parts.append(part)
        size += len(part)
        if size > MAX_BYTES or time.monotonic() > end_s:
            found = f"{size / 1e6:.0f} MB and no end"
            raise SourceError(shown, found, "a picture of at most 100 MB within a minute")
    content = b"".join(parts)
    return content if is_still(io.BytesIO(content), urlsplit(shown).path) else None


def _headers(uri: str) -> dict[str, str]:
    parts = urlsplit(uri)
    if parts.username is None:
        return {}
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urllib3.make_headers(basic_auth=user)


def _without_user(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
