"""Pictures that have waited in a buffer are as old as they are."""

from __future__ import annotations

import pytest

from edge.device.lateness import PATIENCE_S, Lateness

FPS = 25


def lateness_after(seconds: float, fps: float = FPS, clock: float = 1.0) -> Lateness:
    """Return a lateness that has followed a source from 0; `clock` is how fast its clock goes."""
    made = Lateness()
    for n in range(round(seconds * fps) + 1):
        assert made.of(clock * n / fps, n / fps) == 0.0
    return made


@pytest.mark.parametrize(
    ("fps", "clock"),
    [(25, 1.0), (25, 1.001), (10, 0.4), (1, 0.04), (0.5, 0.02), (0.2, 1.0)],
)
def test_a_steady_source_is_on_time_whatever_its_clock_is_like(fps: float, clock: float) -> None:
    lateness_after(60, fps, clock)


def test_what_was_buffered_while_the_process_was_stopped_is_old() -> None:
    made = lateness_after(2)
    late = [made.of(2 + n / FPS, 7 + n / 1000) for n in range(1, 11)]
    assert min(late) == pytest.approx(5 - 10 / FPS + 0.01, abs=0.1)
    assert made.of(7.1, 7.1) == 0.0  # what came meanwhile was dropped, and the clock has caught up


def test_the_frame_that_a_decoder_gives_at_the_end_is_old() -> None:
    made = lateness_after(2)
    assert made.of(2.04, 7.1) == pytest.approx(5.06)


def test_a_clock_that_leaves_gaps_out_is_on_time_again_soon() -> None:
    made = lateness_after(2)
    found = [made.of(2 + n / FPS, 20 + n / FPS) for n in range(1, 200)]
    on_time = next(n for n, late_s in enumerate(found) if late_s == 0.0)
    assert on_time / FPS <= PATIENCE_S + 0.1
    assert not any(found[on_time:])


def test_a_new_connection_is_on_time() -> None:
    made = lateness_after(2)
    assert made.of(2.04, 9.0) > 5
    assert made.of(2.08, 9.5, connection=2) == 0.0
    assert made.of(2.12, 9.54, connection=2) == 0.0


def test_a_recogniser_that_took_its_time_makes_no_picture_old() -> None:
    made = lateness_after(2)
    assert made.of(6.0, 6.0) == 0.0
