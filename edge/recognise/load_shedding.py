"""Load shedding: a device that is slow or hot detects and embeds less, before frames pile up.

It looks at how much of each second the recogniser's thread was busy, and at the distance of the
kernel's thermal zones to the point where the kernel would throttle. Each level leaves more time
between two detections (tracks move on between) and embeds fewer faces. A press of the button is
answered with the whole budget all the same.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

WINDOW_S = 1.0
BUSY = 0.85
"""A thread that is busy for this share of the time has no room for another face."""
IDLE = 0.5
CALM_WINDOWS = 5
"""Idle windows before a level is left; doubled each time that did not last."""
MOST_CALM_WINDOWS = 60
THERMAL = Path("/sys/class/thermal")
THERMAL_EVERY_S = 5.0
NEAR_TRIP_C = 3.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What a frame may cost.

    Attributes:
        gap_s: least time between two detections, below `COAST_S` of the recogniser.
        embeddings: faces embedded in one frame at most; None is what is configured.
    """

    gap_s: float = 0.0
    embeddings: int | None = None


LEVELS = (Budget(), Budget(0.08, 1), Budget(0.12, 1), Budget(0.16, 1))
CATCH_UP = (Budget(), Budget(0.06, 1), Budget(0.12, 1), Budget(0.2, 1))
"""By how many newer frames wait: those at hand are passed through with few passes until none does,
so that a frame which took long costs no other one."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A thermal zone of the kernel, °C; `throttles_c` is where it slows the processor down."""

    name: str
    celsius: float
    throttles_c: float | None

    @property
    def hot(self) -> bool:
        """Whether it is about to throttle."""
        return self.throttles_c is not None and self.celsius >= self.throttles_c - NEAR_TRIP_C


def read_zones(root: Path = THERMAL) -> list[Zone]:
    """Return what the kernel tells of temperatures; nothing where it tells nothing."""
    zones = []
    try:
        folders = sorted(root.glob("thermal_zone*"))
    except OSError:  # no descriptor was left to list them with
        return []
    for folder in folders:
        try:
            celsius = int((folder / "temp").read_text()) / 1000
            name = (folder / "type").read_text().strip()
        except (OSError, ValueError):
            continue  # a zone that is switched off gives an error when it is read
        zones.append(Zone(name, celsius, _trip(folder)))
    return zones


def _trip(folder: Path) -> float | None:
    """Return the lowest point at which the kernel slows down, °C."""
    found = []
    kinds: list[Path] = []
    with suppress(OSError):
        kinds = list(folder.glob("trip_point_*_type"))
    for kind in kinds:
        with suppress(OSError, ValueError):
            if kind.read_text().strip() in {"passive", "hot"}:
                value = kind.with_name(kind.name.replace("_type", "_temp")).read_text()
                found.append(int(value) / 1000)
    return min((c for c in found if c > 0), default=None)  # those below are not set


class LoadShedder:
    """Chooses the budget; one thread uses it.

    Args:
        zones: reads the temperatures.
        clock: seconds, never going back.

    Attributes:
        level: 0 is the whole budget.
        why: `load`, `heat`, or empty at level 0.
        zones: as they were read last.
    """

    def __init__(
        self,
        zones: Callable[[], list[Zone]] = read_zones,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.level = 0
        self.why = ""
        self.zones = zones()
        self._read, self._clock = zones, clock
        self._begun = self._read_at = clock()
        self._busy_s = 0.0
        self._calm = 0
        self._needed_calm = CALM_WINDOWS
        self._since_left = CALM_WINDOWS + 1

    def budget(self, waiting: int = 0) -> Budget:
        """Return what a frame may cost now.

        Args:
            waiting: how many newer ones wait already.
        """
        level, behind = LEVELS[self.level], CATCH_UP[min(waiting, len(CATCH_UP) - 1)]
        return behind if behind.gap_s > level.gap_s else level

    def worked(self, seconds: float) -> bool:
        """Take how long a frame took; return whether it looked at the load, once a window."""
        self._busy_s += seconds
        now = self._clock()
        window_s = now - self._begun
        if window_s < WINDOW_S:
            return False
        share = self._busy_s / window_s
        self._begun, self._busy_s = now, 0.0
        if now - self._read_at >= THERMAL_EVERY_S:
            self._read_at, self.zones = now, self._read()
        hot = any(zone.hot for zone in self.zones)
        self._since_left += 1
        self._calm = self._calm + 1 if share < IDLE and not hot else 0
        if share > BUSY or hot:
            self._raise("heat" if hot else "load", share)
        elif self._calm >= self._needed_calm and self.level:
            self._lower()
        return True

    def _raise(self, why: str, share: float) -> None:
        if self.level == len(LEVELS) - 1:
            return
        if self.level == 0 or why == "heat":
            self.why = why
        if self._since_left <= CALM_WINDOWS:  # what was given back was too much
            self._needed_calm = min(2 * self._needed_calm, MOST_CALM_WINDOWS)
        self.level += 1
        self._calm = 0
        hottest = max(self.zones, key=lambda zone: zone.celsius, default=None)
        heat = f", {hottest.name} at {hottest.celsius:.0f} °C" if hottest else ""
        log.warning(
            "load shedding: down to level %d of %d, for %s: busy %.0f %% of the time%s",
            *(self.level, len(LEVELS) - 1, why, 100 * share, heat),
        )

    def _lower(self) -> None:
        self.level -= 1
        self._calm = self._since_left = 0
        if not self.level:
            self.why = ""
        log.warning("load shedding: back to level %d of %d", self.level, len(LEVELS) - 1)
