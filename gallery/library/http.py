"""A polite HTTP client for libraries: one request at a time, not too often, keys to one host."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from gallery.errors import GalleryInputError
from gallery.library.found import LibraryError, LibraryKeyError
from gallery.texts import brief, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAX_ANSWER_BYTES = 64 << 20
MAX_PICTURE_BYTES = 32 << 20
MAX_KEY_BYTES = 4096
SILENT = 5
"""This many pictures on end that nothing was answered to mean that the server is gone."""
AGENT = "tvradar/0.1 (gallery import; one request at a time)"
_KEY_HEADERS = ("Authorization", "Cookie", "X-Emby-Token", "X-Plex-Token")


class PictureFetchError(Exception):
    """A picture cannot be had; the message says why, without its address."""


class Http:
    """Asks one library's server.

    Args:
        address: `http://host:port/base`; where the headers may go.
        headers: with the key, sent to that host only.
        pause_s: least time from the begin of a request to that of the next.
        tries: how often a request is made when the server is busy or cannot be reached.
        sleep: waits; tests pass their own.
    """

    def __init__(
        self,
        address: str,
        headers: Mapping[str, str] | None = None,
        *,
        pause_s: float = 0.05,
        tries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise GalleryInputError(f"{shown(address)}: expected http://HOST:PORT")
        if parts.username or parts.password:
            raise GalleryInputError(
                f"{parts.hostname}: has a password in its address, which others see in the list of "
                "processes; put USER:PASSWORD into a file and give it as --key-file"
            )
        self.address = address.rstrip("/")
        self.requests = 0
        self._silent = 0
        self._origin = (parts.scheme, parts.netloc)
        self._headers = {"User-Agent": AGENT, **(headers or {})}
        self._pause_s, self._sleep, self._next_s = pause_s, sleep, 0.0
        retry = urllib3.Retry(
            tries - 1,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=True,
            remove_headers_on_redirect=_KEY_HEADERS,
        )
        self._pool = urllib3.PoolManager(retries=retry, timeout=urllib3.Timeout(connect=5, read=60))

    def url(self, path: str, **query: object) -> str:
        """Return the address of a path of the server."""
        return f"{self.address}{path}" + (f"?{urlencode(query)}" if query else "")

    def is_own(self, url: str) -> bool:
        """Return whether an address is this server's."""
        parts = urlsplit(url)
        return (parts.scheme, parts.netloc) == self._origin

    def json(self, path: str, body: object = None, **query: object) -> Any:
        """Return the JSON that the server answers.

        Raises:
            LibraryKeyError: it refuses the key.
            LibraryError: it cannot be reached, or answers something else.
        """
        url = self.url(path, **query)
        status, kind, content = self._ask(url, body, MAX_ANSWER_BYTES)
        where = shown(self.address + path)
        if status in {401, 403}:
            raise LibraryKeyError(
                f"{where}: HTTP {status}, the key is refused; put a valid one into the file that "
                "--key-file names"
            )
        if status != 200:
            raise LibraryError(f"{where}: HTTP {status}, expected 200; is this the address?")
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise LibraryError(
                f"{where}: {brief(kind or 'no type', 60)}, expected JSON ({brief(error, 80)}); "
                "is this the address?"
            ) from error

    def picture(self, url: str) -> bytes:
        """Return the bytes of a picture, of this server or another one.

        Raises:
            PictureFetchError: it is not there, too large, or something else than a picture.
            LibraryError: nothing was answered several times on end.
        """
        try:
            status, kind, content = self._ask(url, None, MAX_PICTURE_BYTES)
        except LibraryError as error:
            self._silent += 1
            if self._silent >= SILENT:
                raise
            raise PictureFetchError(str(error).partition(";")[0]) from error
        self._silent = 0
        if status != 200:
            raise PictureFetchError(f"HTTP {status}")
        if content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
            raise PictureFetchError("an HTML page, no picture")
        if not content:
            raise PictureFetchError("nothing in it")
        if kind.startswith(("text/", "application/json")):
            raise PictureFetchError(f"{brief(kind, 40)}, no picture")
        return content

    def _ask(self, url: str, body: object, most: int) -> tuple[int, str, bytes]:
        self._wait()
        headers = dict(self._headers) if self.is_own(url) else {"User-Agent": AGENT}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        elif "Accept" not in headers:
            headers["Accept"] = "application/json, image/*"
        try:
            answer = self._pool.request(
                "POST" if data else "GET", url, body=data, headers=headers, preload_content=False
            )
            with answer:
                content = answer.read(most + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
            host = urlsplit(url).netloc.rpartition("@")[2]
            raise LibraryError(
                f"{shown(host)}: cannot be reached ({type(error).__name__}); see that it runs, and "
                "run the command again, it goes on where it was"
            ) from error
        if len(content) > most:
            if most == MAX_PICTURE_BYTES:
                raise PictureFetchError(f"more than {most >> 20} MB")
            raise LibraryError(f"{shown(url)}: more than {most >> 20} MB in one answer")
        return answer.status, answer.headers.get("Content-Type", ""), content

    def _wait(self) -> None:
        self.requests += 1
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._sleep(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + self._pause_s


def read_key(path: Path | None) -> str:
    """Return the key in a file, its first line; empty without a file.

    Raises:
        GalleryInputError: the file cannot be read, or has no key.
    """
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_KEY_BYTES).decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise GalleryInputError(f"--key-file {path}: cannot be read ({error})") from error
    key = lines[0].strip()
    if not key or not key.isprintable() or not key.isascii():
        raise GalleryInputError(f"--key-file {path}: no key in its first line")
    return key


def required(key: str, what: str) -> str:
    """Return a key.

    Raises:
        GalleryInputError: there is none.
    """
    if not key:
        raise GalleryInputError(
            f"{what}: needs a key; put it into a file, and give --key-file FILE"
        )
    return key
