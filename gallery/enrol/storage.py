"""Read the bytes of a catalogue, from a disk or through fsspec."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.enrol.errors import CatalogueReadError, CloudExtraMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping


READ_TRIES = 3


_STAMPS = ("etag", "ETag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime")
"""What the file systems of fsspec call the mark of a file's content, best first."""


def is_url(source: str) -> bool:
    """Return whether a catalogue or picture is somewhere else than on a disk here."""
    return "://" in source


def read_bytes(uri: str) -> bytes:
    """Return the bytes of a file on a disk or in a store.

    Raises:
        OSError: it is not there, or cannot be read.
        CatalogueReadError: the store that has it cannot be reached.
    """
    if not is_url(uri):
        return Path(uri).read_bytes()
    fsspec = load_fsspec(uri)
    for attempt in range(1, READ_TRIES + 1):
        try:
            with fsspec.open(uri, "rb") as file:
                return bytes(file.read())
        except (FileNotFoundError, PermissionError, IsADirectoryError):  # noqa: PERF203
            raise
        except Exception as error:  # each store has errors of its own
            if attempt == READ_TRIES:
                raise CatalogueReadError(
                    f"{uri}: cannot be read ({type(error).__name__}: {error}); see to the "
                    "connection and run the command again, it goes on where it was"
                ) from error
            time.sleep(0.5 * 2**attempt)
    raise AssertionError


def load_fsspec(uri: str) -> Any:
    """Return fsspec.

    Raises:
        CloudExtraMissingError: it is not installed.
    """
    try:
        import fsspec  # noqa: PLC0415
    except ImportError as error:
        raise CloudExtraMissingError(uri) from error
    return fsspec


def stamp_of(info: Mapping[str, object]) -> str:
    """Return what tells one version of a remote file from another, as far as its store says."""
    mark = next((info[key] for key in _STAMPS if info.get(key)), "")
    return f"{info.get('size', '')} {mark}"


def local_stamp(path: Path) -> str:
    """Return what tells one version of a file from another without reading it."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"
