"""How well a release works: a small file that the recogniser writes and the updater reads.

The two are separate processes and users, so they share a folder (`/run/tvradar`) and no more.
`starts` counts the starts of the recogniser since the machine started: one that dies of a new
release is started again by systemd, and the count gives it away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import msgspec

from gallery.channel.durable import write_whole
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CRASHES = 3
"""This many starts during a probation mean that the release kills the recogniser."""
TAKE_UP_S = 30.0
"""A recogniser that tells of another release this long after the commit has not taken it up."""
SILENT_S = 900.0
"""A recogniser that says nothing for this long does not run, or has no picture to work on.

One that hangs is started again by its watchdog, and then has a heartbeat.
"""


class HeartbeatMessage(msgspec.Struct, frozen=True):
    """What the recogniser last said.

    Attributes:
        release: the release that it uses.
        starts: its starts so far; rises with each.
        at_s: system time.
        error: why it cannot use the newest release, empty if it can.
        named_share: share of the faces of the last minutes that got a name, None if unknown.
    """

    release: int
    starts: int
    at_s: float
    error: str = ""
    named_share: float | None = None


class Health(Protocol):
    """Asked during a probation."""

    def begin(self, release: int) -> None:
        """Note the state before the release is used."""

    def verdict(self, release: int) -> str | None:
        """Return why the release is bad, None while it is not."""

    def serves(self, release: int) -> bool | None:
        """Return whether the recogniser serves the release, None while that is not known.

        Also true when there is nobody to serve it.
        """


class HeartbeatFile:
    """Both ends of the file; the recogniser calls `beat()`.

    Args:
        path: the file.
        clock: seconds that nobody sets; a fake one in tests.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self._clock = path, clock
        self._starts_before: int | None = None
        self._last: HeartbeatMessage | None = None
        # By a clock that nobody sets; a heartbeat's own time may be from before the clock was set.
        self._begun_s = self._last_s = clock()

    def read(self) -> HeartbeatMessage | None:
        """Return the last heartbeat, None if there is none that can be read."""
        try:
            return decode_json(self.path.read_bytes(), HeartbeatMessage)
        except (OSError, msgspec.DecodeError):
            return None

    def beat(
        self,
        release: int,
        *,
        started: bool = False,
        error: str = "",
        named_share: float | None = None,
    ) -> None:
        """Write a heartbeat; `started` once per recogniser start, before it opens a gallery."""
        before = self.read()
        starts = (before.starts if before else 0) + started
        heartbeat = HeartbeatMessage(release, starts, time.time(), error, named_share)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, msgspec.json.encode(heartbeat))

    def begin(self, _release: int) -> None:
        """See `Health`."""
        heartbeat = self.read()
        self._starts_before = heartbeat.starts if heartbeat else 0
        self._last = heartbeat
        self._begun_s = self._last_s = self._clock()

    def verdict(self, release: int) -> str | None:
        """See `Health`."""
        heartbeat = self.read()
        if heartbeat != self._last:
            self._last, self._last_s = heartbeat, self._clock()
        if heartbeat is None:
            return None
        if self._starts_before is None:
            self._starts_before = heartbeat.starts
        crashes = heartbeat.starts - self._starts_before
        if crashes >= CRASHES:
            return f"the recogniser started {crashes} times since release {release} is in use"
        if heartbeat.release == release and heartbeat.error:
            return f"the recogniser cannot use release {release}: {heartbeat.error}"
        return None

    def serves(self, release: int) -> bool | None:
        """See `Health`; `verdict()` is asked before, and has read the heartbeat."""
        heartbeat = self._last
        if heartbeat is None:
            return True  # none has run since the machine started
        if heartbeat.release == release:
            return not heartbeat.error
        if heartbeat.release and self._last_s - self._begun_s >= TAKE_UP_S:
            return False
        return True if self._clock() - self._last_s >= SILENT_S else None


class NoHealth:
    """Nobody watches: a probation always ends well."""

    def begin(self, release: int) -> None:
        """See `Health`."""

    def verdict(self, release: int) -> str | None:
        """See `Health`."""

    def serves(self, _release: int) -> bool | None:
        """See `Health`."""
        return True
