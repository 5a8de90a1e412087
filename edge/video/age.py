"""How old a scene is, by a clock that goes on while this process, or the whole machine, sleeps.

A scene without an age stays true for ever: whoever asks after the source has died, or after the
process was stopped and went on, would be told a name that left the screen long ago.
"""

from __future__ import annotations

import time

FRESH_S = 1.5
"""For this long after its picture a scene counts as what is on the screen. With the time that a
reader needs to notice, nobody is told a name later than 2 s after the last picture that showed the
person."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_s() -> float:
    """Return seconds since the machine started, its sleep included."""
    return time.clock_gettime(_CLOCK)


def captured_s(captured_ns: int) -> float:
    """Return `now_s` as it was when a frame was captured, by `time.monotonic_ns`."""
    return now_s() - (time.monotonic_ns() - captured_ns) / 1e9
