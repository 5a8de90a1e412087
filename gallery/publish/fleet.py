"""What the devices tell about themselves, put together."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from gallery.channel import status as status_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gallery.channel.link import MqttLink
    from gallery.channel.status import Status
    from gallery.channel.subscriptions import Message

SETTLE_S = 0.5
MAX_DEVICES = 200_000
"""More than one process should hold; docs/updates.md says what to do then."""


class Summary(msgspec.Struct, frozen=True):
    """The fleet in numbers, seen from one release.

    Attributes:
        release: the one that all should have.
        current: devices that use it; `confirmed` of them are past their probation.
        tried: devices that use it or failed to.
        bad: of those, the ones that report an error or left it.
        named_share, named_share_before: mean share of named faces with it and without it.
        by_release: devices by the release that they use.
        stuck: up to 20 devices that are online, should have it and do not, with their reason.
    """

    release: int
    devices: int
    online: int
    current: int
    confirmed: int
    tried: int
    bad: int
    waiting: int
    clock_suspect: int
    named_share: float | None
    named_share_before: float | None
    by_release: dict[int, int]
    errors: dict[str, int]
    stuck: tuple[tuple[str, str], ...]

    @property
    def percent(self) -> float:
        """Share of the known devices that use the release, 0 to 100."""
        return 100.0 * self.current / self.devices if self.devices else 0.0


def summarise(statuses: Iterable[Status], release: int) -> Summary:
    """Count."""
    known = list(statuses)
    current = [s for s in known if s.release == release]
    left = [s for s in known if s.release != release and release in s.rejected]
    failing = [
        s
        for s in known
        if s.release != release and s not in left and s.error and s.wanted == release
    ]
    bad = [s for s in current if s.error or not s.healthy]
    others = [s for s in known if s.release != release]
    stuck = [
        (s.device, s.error or s.waiting or f"still in {s.phase}")
        for s in others
        if s.online and (s.error or s.waiting or s.wanted == release)
    ]
    return Summary(
        release=release,
        devices=len(known),
        online=sum(s.online for s in known),
        current=len(current),
        confirmed=sum(s.confirmed for s in current),
        tried=len(current) + len(left) + len(failing),
        bad=len(bad) + len(left) + len(failing),
        waiting=sum(bool(s.waiting) for s in others),
        clock_suspect=sum(s.clock_suspect for s in known),
        named_share=_mean(s.named_share for s in current),
        named_share_before=_mean(s.named_share for s in others),
        by_release=dict(sorted(Counter(s.release for s in known).items())),
        errors=dict(Counter(_kind(s.error) for s in known if s.error).most_common(10)),
        stuck=tuple(sorted(stuck)[:20]),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _kind(error: str) -> str:
    """Return the attack's name or the error's first words: what devices have in common."""
    return (
        error.split(" refused:", maxsplit=1)[0]
        if " refused:" in error
        else error.split(":", maxsplit=1)[0][:60]
    )


class Fleet:
    """Follows `tvradar/+/status`. The link's user needs the right to read it."""

    def __init__(self, link: MqttLink) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[str, Status] = {}
        self._heard_s = time.monotonic()
        link.handle(f"{status_messages.TOPIC}/+/status", self._hear)

    def _hear(self, message: Message) -> None:
        topic, payload = message
        device = topic.split("/")[1]
        status = status_messages.decode(payload)
        with self._lock:
            self._heard_s = time.monotonic()
            if status is None:
                self._statuses.pop(device, None)  # removed from the broker, or not ours
            elif device in self._statuses or len(self._statuses) < MAX_DEVICES:
                before = self._statuses.get(device)
                if not status.online and before:
                    # The last will knows no release; what was known stays true.
                    status = msgspec.structs.replace(before, online=False)
                self._statuses[device] = status

    def settle(self, timeout_s: float = 10.0) -> None:
        """Wait until the retained statuses have come in."""
        deadline_s = time.monotonic() + timeout_s
        time.sleep(SETTLE_S)
        while time.monotonic() < deadline_s and time.monotonic() - self._heard_s < SETTLE_S:
            time.sleep(0.05)

    def summary(self, release: int) -> Summary:
        """Count the devices as known now."""
        with self._lock:
            statuses = list(self._statuses.values())
        return summarise(statuses, release)

    def wait(
        self,
        release: int,
        percent: float,
        timeout_s: float,
        told: Callable[[Summary], None] = lambda _: None,
    ) -> Summary:
        """Wait until this many percent of the devices use the release, or the time is over."""
        deadline_s = time.monotonic() + timeout_s
        self.settle()  # all of the first few is not all
        while True:
            summary = self.summary(release)
            told(summary)
            if (summary.devices and summary.percent >= percent) or time.monotonic() >= deadline_s:
                return summary
            time.sleep(0.1)
