"""What viewers are told of a source, by the clock as well as by its reader."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest

from edge.device.silence import SilenceWatch, state_of
from edge.video.age import FRESH_S
from edge.video.reader import State, Status

NEVER = Status(State.CONNECTING, 0, "udp://127.0.0.1:5000")
LIVE = replace(NEVER, state=State.PLAYING, connects=1, live=True, fps=25.0)
SLOW = replace(LIVE, fps=0.5)
FILE = replace(LIVE, live=False)
FAILED = replace(NEVER, failures=3, error="refused")


@pytest.mark.parametrize(
    ("status", "age_s", "told"),
    [
        (NEVER, math.inf, "connecting"),
        (LIVE, math.inf, "playing"),  # decoded, and not recognised yet
        (LIVE, 0.1, "playing"),
        (LIVE, FRESH_S + 0.1, "lost"),  # long before the reader's time-out
        (SLOW, FRESH_S + 0.1, "playing"),
        (SLOW, 7.0, "lost"),
        (FILE, 60.0, "playing"),  # it was sought in, or its disk is slow
        (replace(LIVE, state=State.LOST), 6.0, "lost"),
        (replace(LIVE, state=State.CONNECTING), 6.0, "lost"),  # opened again, still no picture
        (replace(FAILED, state=State.LOST), math.inf, "lost"),
        (FAILED, math.inf, "lost"),
        (replace(LIVE, state=State.ENDED), 0.0, "ended"),
        (replace(LIVE, state=State.FAILED), 0.0, "ended"),
    ],
)
def test_what_is_told(status: Status, age_s: float, told: str) -> None:
    assert state_of(status, age_s)[0] == told


def test_a_reason_is_told_too() -> None:
    assert state_of(FAILED, math.inf) == ("lost", "refused")
    assert state_of(LIVE, 60.0) == ("lost", "no picture for 1.5 s")


def test_each_change_is_told_once_and_nothing_after_the_end() -> None:
    told: list[tuple[str, str]] = []
    changed = threading.Event()
    status = [NEVER]

    def tell(state: str, reason: str) -> None:
        told.append((state, reason))
        changed.set()

    watch = SilenceWatch(lambda: status[0], lambda: 0.0, tell)
    watch.start()
    assert told == [("connecting", "")]
    changed.clear()
    status[0] = LIVE
    assert changed.wait(5)  # without being asked to look
    watch.finish("lost", "recognition failed")
    watch.finish("ended")
    watch.look()
    watch.close()
    assert [state for state, _ in told] == ["connecting", "playing", "lost"]
