"""Ends an updater that hangs, so that the service manager starts it again.

A timer of the C library's side of Python: it also ends a process whose interpreter is held up, in
SQLite or in a parser, and says in the log where every thread stood. What is on the disk is made to
be cut off at any moment.
"""

from __future__ import annotations

import faulthandler
import time
from typing import Protocol

SILENCE_S = 300.0
"""Longer than the slowest source takes for one chunk."""
BYTES_PER_S = 2 << 20
"""The slowest disk on which checking a release still counts as progress."""
MOST_BYTES = 4 << 30
"""Whatever a manifest claims."""


class Watchdog(Protocol):
    """Told that there is progress."""

    def beat(self) -> None:
        """Note progress."""

    def allow(self, size: int) -> None:
        """Note progress, and that the next step reads this many bytes several times over."""


class NoWatchdog:
    """Watches nothing: the updater is a part of another program."""

    def beat(self) -> None:
        """See `Watchdog`."""

    def allow(self, size: int) -> None:
        """See `Watchdog`."""


class ProcessWatchdog:
    """Ends this process with code 1 when there is no progress for `silence_s`."""

    def __init__(self, silence_s: float = SILENCE_S) -> None:
        self._silence_s = silence_s
        self._set_s = self._until_s = 0.0
        self.allow(0)

    def beat(self) -> None:
        """See `Watchdog`; cheap enough for each chunk."""
        now = time.monotonic()
        if now - self._set_s > self._silence_s / 20 and now + self._silence_s > self._until_s:
            self.allow(0)

    def allow(self, size: int) -> None:
        """See `Watchdog`."""
        seconds = self._silence_s + 3 * min(size, MOST_BYTES) / BYTES_PER_S
        self._set_s = time.monotonic()
        self._until_s = self._set_s + seconds
        faulthandler.dump_traceback_later(seconds, exit=True, file=2)

    def close(self) -> None:
        """Watch no more."""
        faulthandler.cancel_dump_traceback_later()
