"""What a device tells about itself: `tvradar/<device>/status`, retained, with a last will."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.durable import write_whole
from gallery.foreign_json import decode_json

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "tvradar"


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """Small, and about the update only: it says nothing of what is on the screen.

    Attributes:
        online: false in the last will.
        release: in use.
        wanted: the newest verified one.
        phase: of the updater.
        error: the last one by name, `rollback refused: timestamp 41 < 42`; empty when all is well.
        waiting: why it does not install `wanted` yet.
        healthy: false after a failed probation or while the recogniser complains.
        named_share: share of faces that got a name lately, as the recogniser reports it.
        clock_suspect: the system's clock is behind what was signed.
        confirmed: the release is past its probation.
        damaged: what is damaged on its disk of the release in use, empty where nothing is known.
        mended: how often that was fetched again.
        scrubs: passes over all bytes in use since the updater started.
        scrubbed_s: system time at which the last one ended, 0 before the first.
    """

    device: str
    online: bool = True
    release: int = 0
    wanted: int = 0
    model: str = ""
    phase: str = "idle"
    error: str = ""
    waiting: str = ""
    healthy: bool = True
    confirmed: bool = True
    named_share: float | None = None
    clock_suspect: bool = False
    installed: int = 0
    refusals: int = 0
    chunks_fetched: int = 0
    bytes_fetched: int = 0
    rejected: tuple[int, ...] = ()
    damaged: str = ""
    mended: int = 0
    scrubs: int = 0
    scrubbed_s: float = 0.0


def status_topic(device: str) -> str:
    """Return the topic of a device's status."""
    return f"{TOPIC}/{device}/status"


def encode(status: Status) -> bytes:
    """Return the payload."""
    return msgspec.json.encode(status)


def decode(payload: bytes) -> Status | None:
    """Return the status, None if it is not one; it comes from a device and is only shown."""
    try:
        return decode_json(payload, Status)
    except msgspec.DecodeError:
        return None


class StatusFile:
    """The status for others on the same device, who do not ask a broker for it.

    A file outlives who wrote it, so the writer holds a lock beside it, which the kernel lets go
    when the process ends, in whatever way: a status counts only while somebody holds that lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(f".{path.name}.lock")
        self._lock: int | None = None

    def write(self, status: Status) -> None:
        """Replace what was told before; it counts until this process ends, or `close`.

        Raises:
            OSError: the folder does not exist, or may not be written to.
        """
        if self._lock is None:
            self._lock = os.open(self._lock_path, os.O_RDONLY | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        write_whole(self._path, encode(status))

    def close(self) -> None:
        """Let what was told count no longer; again is harmless."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def read(self) -> Status | None:
        """Return the status; None if there is none, or if its writer has ended since."""
        try:
            return decode(self._path.read_bytes()) if self._held() else None
        except OSError:
            return None

    def _held(self) -> bool:
        lock = os.open(self._lock_path, os.O_RDONLY)
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            return True
        finally:
            os.close(lock)
