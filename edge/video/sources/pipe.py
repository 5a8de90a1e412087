"""A pipe as a source: `-`, /dev/stdin, a FIFO, `<(…)`.

A pipe can be read once. What was looked at to tell a picture from a film is kept, and given again
to who reads it.
"""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from edge.errors import SourceError, SourceLostError

HEAD = 64 * 1024
STDIN = "-"


class Pipe:
    """The bytes of a pipe, from their first one on.

    Args:
        shown: what the user calls it.
        timeout_s: how long to wait for the first bytes.

    Raises:
        SourceError: it cannot be opened, or ends before it begins.
        SourceLostError: nobody writes to it.
    """

    def __init__(self, shown: str, timeout_s: float) -> None:
        self.name = shown
        try:
            self._handle = (
                os.dup(0) if shown == STDIN else os.open(shown, os.O_RDONLY | os.O_NONBLOCK)
            )
        except OSError as error:
            raise SourceError(shown, f"cannot be read ({error.strerror})") from error
        ready = select.poll()
        ready.register(self._handle, select.POLLIN | select.POLLHUP)
        if not ready.poll(timeout_s * 1000):
            os.close(self._handle)
            remedy = "start what writes to it first"
            raise SourceLostError(shown, f"nothing came for {timeout_s:g} s", remedy=remedy)
        os.set_blocking(self._handle, True)
        self._kept = b""
        while len(self._kept) < HEAD and (piece := os.read(self._handle, HEAD)):
            self._kept += piece
        self.head = self._kept
        if not self.head:
            self.close()
            raise SourceError(shown, "a pipe that ended before it began", "a picture or a video")

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; without a size all that comes."""
        if size < 0:
            pieces = [self._kept]
            while piece := os.read(self._handle, 1 << 20):
                pieces.append(piece)
            self._kept = b""
            return b"".join(pieces)
        if self._kept:
            piece, self._kept = self._kept[:size], self._kept[size:]
            return piece
        return os.read(self._handle, size)

    def read_at_most(self, most: int) -> bytes:
        """Return all that comes.

        Raises:
            SourceError: it is more than `most` bytes.
        """
        pieces, length = [], 0
        while piece := self.read(1 << 20):
            pieces.append(piece)
            length += len(piece)
            if length > most:
                self.close()
                found = f"a picture of more than {most:,} bytes"
                raise SourceError(self.name, found, remedy="scale it down")
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_pipe(shown: str) -> bool:
    """Return whether this can be read once only."""
    if shown == STDIN:
        return True
    try:
        mode = Path(shown).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
