"""Read files that others put there: plain ones only, without following a link or waiting."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def open_regular(path: Path) -> FileIO:
    """Open a file for reading that has to be one: no link, no pipe to wait at, no device.

    Raises:
        OSError: it cannot be read, or is something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a link, expected a file", str(path)) from error
        raise
    file = FileIO(descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return file


def read_bounded(path: Path, most: int) -> bytes | None:
    """Return a file's bytes, or None where it has more than `most`; see `open_regular`."""
    with open_regular(path) as file:
        data = bytearray()
        while len(data) <= most and (piece := file.read(min(1 << 20, most + 1 - len(data)))):
            data += piece
    return bytes(data) if len(data) <= most else None
