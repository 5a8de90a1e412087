"""A pipe as a source: `-`, /dev/stdin, a FIFO, `<(…)`.

A pipe can be read once. What was looked at to tell a picture from a film is kept, and given again
to the reader.
"""

from __future__ import annotations

import os
import select
import stat
import threading
import time
from pathlib import Path
from typing import Protocol

from edge.errors import SourceError, SourceLostError

HEAD = 64 * 1024
STDIN = "-"
SILENCE_S = 60.0
"""The writer may pause this long: a transcoder that seeks, a download that stalls."""
PAUSE_S = 0.3
"""After this long without a byte, what has come so far must be enough to tell what it is."""
TICK_S = 0.2


class Readable(Protocol):
    """Bytes that come once."""

    def read(self, size: int, /) -> bytes:
        """Return up to this many bytes, none at the end."""

    def close(self) -> None:
        """Let go of them."""


class Pipe:
    """The bytes of a pipe, from their first one on.

    One thread reads; `cancel` may be called from any other, and ends the reading.

    Args:
        shown: what the user calls it.
        timeout_s: how long to wait for the first bytes.
        silence_s: a pipe that is silent for this long has ended; `warning` then says so.

    Raises:
        SourceError: it cannot be opened, or ends before it begins.
        SourceLostError: nobody writes to it.
    """

    def __init__(self, shown: str, timeout_s: float, silence_s: float = SILENCE_S) -> None:
        self.name = shown
        self.warning = ""
        self._silence_s = silence_s
        self._cancelled = threading.Event()
        try:
            self._handle = (
                os.dup(0) if shown == STDIN else os.open(shown, os.O_RDONLY | os.O_NONBLOCK)
            )
        except OSError as error:
            raise SourceError(shown, f"cannot be read ({error.strerror})") from error
        self._poll = select.poll()
        self._poll.register(self._handle, select.POLLIN | select.POLLHUP)
        self._kept = b""
        try:
            self.head = self._first(timeout_s)
        except SourceError:
            self.close()
            raise

    def _first(self, timeout_s: float) -> bytes:
        if os.isatty(self._handle):
            raise SourceError(self.name, "a terminal", "a film or a picture that is piped in")
        if not self._poll.poll(timeout_s * 1000):
            remedy = "start what writes to it first"
            raise SourceLostError(self.name, f"nothing came for {timeout_s:g} s", remedy=remedy)
        head = self.peek(HEAD)
        if not head:
            found = "a pipe that ended before it began"
            raise SourceError(self.name, found, "a picture or a video")
        return head

    def peek(self, size: int) -> bytes:
        """Return up to `size` bytes without taking them; fewer where the pipe makes a pause."""
        while len(self._kept) < size and (not self._kept or self._poll.poll(PAUSE_S * 1000)):
            piece = self._more(size - len(self._kept))
            if not piece:
                break
            self._kept += piece
        return self._kept[:size]

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; without a size all that comes."""
        if size < 0:
            pieces = []
            while piece := self.read(1 << 20):
                pieces.append(piece)
            return b"".join(pieces)
        if self._kept:
            piece, self._kept = self._kept[:size], self._kept[size:]
            return piece
        return self._more(size)

    def _more(self, size: int) -> bytes:
        """Return the next bytes; none at the end, after a long silence, or when cancelled."""
        end_s = time.monotonic() + self._silence_s
        while not self._cancelled.is_set() and self._handle >= 0:
            if self._poll.poll(TICK_S * 1000):
                try:
                    return os.read(self._handle, size)
                except BlockingIOError:
                    continue
            if time.monotonic() > end_s:
                self.warning = f"the pipe was silent for {self._silence_s:g} s and is taken to end"
                break
        return b""

    def cancel(self) -> None:
        """End the reading, from any thread."""
        self._cancelled.set()

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
    try:
        mode = os.fstat(0).st_mode if shown == STDIN else Path(shown).stat().st_mode
    except (OSError, ValueError):
        return shown == STDIN
    if shown == STDIN:
        return not stat.S_ISREG(mode)  # identify - < film.mp4 is a file like any other
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
