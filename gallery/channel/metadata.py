"""Where signed metadata is read from, and the bridge to `tuf.ngclient`.

A `MetadataSource` knows names such as `timestamp.json` or `3.snapshot.json`; python-tuf knows
URLs. Nothing here is trusted: python-tuf verifies what comes through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tuf.api.exceptions import DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

from gallery.channel.errors import Refused, SourceError
from gallery.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

READ_AT_ONCE = 64 * 1024


class MissingError(SourceError):
    """The source has no such file, and says so."""


class SlowError(SourceError):
    """The source did not answer in time."""


class MetadataSource(Protocol):
    """Reads metadata and release manifests by name."""

    def read(self, folder: str, name: str) -> Iterator[bytes]:
        """Yield the content of `name` in `folder` ("m" metadata, "t" targets) in pieces.

        Raises:
            MissingError: there is no such file.
            SlowError: no answer in time.
            SourceError: any other failure.
        """


class FileMetadata:
    """A published repository in a folder: a USB stick, a network share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, folder: str, name: str) -> Iterator[bytes]:
        """Yield the file's content."""
        path = self.root / folder / name
        try:
            return _pieces(open_regular(path))
        except OSError as error:
            raise MissingError(
                f"{path}: {error.strerror}, expected a file in a folder that `publish` wrote"
            ) from error


def _pieces(file: FileIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(READ_AT_ONCE):
            yield piece


class TufFetcher(FetcherInterface):
    """Gives python-tuf the files of a `MetadataSource`, and remembers the last name asked for.

    The memory is for the log only: python-tuf's exceptions do not say which file was at fault.
    """

    def __init__(self, source: MetadataSource) -> None:
        self._source = source
        self.last_name = ""
        self.last_data = b""

    def _fetch(self, url: str) -> Iterator[bytes]:
        folder, _, name = url.removeprefix("tvradar:").partition("/")
        self.last_name, self.last_data = name, b""
        try:
            return self._recorded(self._source.read(folder, name))
        except MissingError as error:
            raise DownloadHTTPError(str(error), 404) from error
        except SlowError as error:
            raise SlowRetrievalError(str(error)) from error

    def _recorded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.last_data += piece
            yield piece


def refuse_empty(name: str, data: bytes) -> bytes:
    """Return `data`; an empty retained message is a deletion, never a file."""
    if not data:
        raise Refused("empty message", f"{name} has no content")
    return data
