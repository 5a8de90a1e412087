"""Read the bytes of a catalogue, from a disk or through fsspec."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING, Any

from gallery.enrol.errors import CatalogueReadError, CloudExtraMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

READ_TRIES = 3
MAX_BYTES = 512_000_000
"""A table of a million pictures has a hundred."""

_STAMPS = ("etag", "ETag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime")
"""What the file systems of fsspec call the mark of a file's content, best first."""


class TooLargeError(OSError):
    """A file has more bytes than are read."""


def is_url(source: str) -> bool:
    """Return whether a catalogue or picture is somewhere else than on a disk here."""
    return "://" in source


def read_bytes(
    uri: str, most: int = MAX_BYTES, *, sleep: Callable[[float], None] = time.sleep
) -> bytes:
    """Return the bytes of a file on a disk or in a store.

    Args:
        uri: path or URL.
        most: how many bytes are read.
        sleep: waits between two tries at a store.

    Raises:
        OSError: it is not there, cannot be read, is no plain file, or has more than `most` bytes.
        CatalogueReadError: the store that has it cannot be reached.
    """
    if not is_url(uri):
        return _read_local(uri, most)
    fsspec = load_fsspec(uri)
    for attempt in range(1, READ_TRIES + 1):
        try:
            with fsspec.open(uri, "rb") as file:
                return _bounded(file.read(most + 1), uri, most)
        except (FileNotFoundError, PermissionError, IsADirectoryError, TooLargeError):  # noqa: PERF203
            raise
        except Exception as error:  # each store has errors of its own
            if attempt == READ_TRIES:
                raise CatalogueReadError(
                    f"{uri}: cannot be read ({type(error).__name__}: {error}); see to the "
                    "connection and run the command again, it goes on where it was"
                ) from error
            sleep(0.5 * 2**attempt)
    raise AssertionError


def _read_local(path: str, most: int) -> bytes:
    # Opening a pipe without a writer would block.
    found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(errno.EINVAL, "Not a plain file", path)
    with os.fdopen(found, "rb") as file:
        return _bounded(file.read(most + 1), path, most)


def _bounded(content: Any, uri: str, most: int) -> bytes:
    if len(content) > most:
        raise TooLargeError(errno.EFBIG, f"More than {most // 1_000_000} MB", uri)
    return bytes(content)


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
    """Return what tells one version of a file from another without reading it.

    Raises:
        OSError: it is not there.
    """
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"
