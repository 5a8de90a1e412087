"""Where chunks come from: one protocol, several sources; none of them is trusted."""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import urllib3

from gallery.channel.errors import SourceError
from gallery.channel.metadata import MissingError, SlowError
from gallery.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from gallery.channel.manifest import Chunk

log = logging.getLogger(__name__)

HTTP_TIMEOUT_S = 15.0
RANGE_BYTES = 4 * 1024 * 1024


class ChunkSource(Protocol):
    """Delivers chunks."""

    name: str

    def fetch(self, wanted: Sequence[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        """Yield chunks with unverified bytes, in any order.

        Raises:
            SourceError: it cannot deliver what is left.
        """


class FileChunks:
    """`f/<sha256>` in a folder that the publisher wrote."""

    name = "file"

    def __init__(self, root: Path) -> None:
        self._folder = root / "f"

    def fetch(self, wanted: Sequence[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        """Yield the chunks in order."""
        for name, chunks in groupby(wanted, key=lambda chunk: chunk.file):
            yield from self._read(self._folder / name, chunks)

    def _read(self, path: Path, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        try:
            with open_regular(path) as file:
                for chunk in chunks:
                    file.seek(chunk.offset)
                    yield chunk, file.read(chunk.length)
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error


class HttpSource:
    """The same folder behind a web server or an object store; metadata and chunks.

    Args:
        url: where the folder is.
        ca: PEM file of the authority, None for the system's.
    """

    name = "https"

    def __init__(self, url: str, ca: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(
            ca_certs=ca,
            timeout=urllib3.Timeout(connect=HTTP_TIMEOUT_S, read=HTTP_TIMEOUT_S),
            retries=urllib3.Retry(0, redirect=3),
        )

    def _get(self, path: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        url = f"{self._url}/{path}"
        try:
            answer = self._pool.request(
                "GET", url, headers=headers, preload_content=False, decode_content=False
            )
        except urllib3.exceptions.TimeoutError as error:
            raise SlowError(f"{url}: no answer within {HTTP_TIMEOUT_S:.0f} s") from error
        except urllib3.exceptions.HTTPError as error:
            raise SourceError(f"{url}: {error}") from error
        if answer.status in {403, 404}:
            answer.release_conn()
            raise MissingError(f"{url}: {answer.status}")
        if answer.status not in {200, 206}:
            answer.release_conn()
            raise SourceError(f"{url}: status {answer.status}, expected 200 or 206")
        return answer

    def read(self, folder: str, name: str) -> Iterator[bytes]:
        """Yield the content of a metadata file (`MetadataSource`)."""
        return self._pieces(self._get(f"{folder}/{name}", {}))

    def _pieces(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from answer.stream(64 * 1024, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise SlowError(f"{self._url}: {error}") from error
        finally:
            answer.close()

    def fetch(self, wanted: Sequence[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        """Yield the chunks; neighbours are read with one range request."""
        for run in _runs(wanted):
            start, end = run[0].offset, run[-1].offset + run[-1].length
            answer = self._get(f"f/{run[0].file}", {"Range": f"bytes={start}-{end - 1}"})
            if answer.status == 200 and start:
                answer.close()
                raise SourceError(f"{self._url}: the server knows no byte ranges")
            try:
                for chunk in run:
                    data = answer.read(chunk.length, decode_content=False)
                    if len(data) < chunk.length:
                        raise SourceError(f"{self._url}: the answer ended early")
                    yield chunk, data
            except urllib3.exceptions.HTTPError as error:
                raise SourceError(f"{self._url}: {error}") from error
            finally:
                if answer.status == 200:
                    answer.close()
                answer.release_conn()


def _runs(wanted: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Yield neighbours within one file, up to `RANGE_BYTES` together."""
    run: list[Chunk] = []
    for chunk in wanted:
        if run and (
            chunk.file != run[-1].file
            or chunk.offset != run[-1].offset + run[-1].length
            or chunk.offset + chunk.length - run[0].offset > RANGE_BYTES
        ):
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run
