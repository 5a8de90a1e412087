"""`bench live` on a small stream: its figures fit together; their size is not judged here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bench.live import LiveBench, LiveRow, bench_live
from edge.bench.live_film import (
    BITS,
    LOOK_PX,
    StreamForm,
    between,
    compose,
    paint_number,
    read_number,
)
from edge.bench.live_table import beside_today
from edge.bench.live_threads import seconds_by_thread
from edge.bench.press import spread
from edge.demo.material import gallery_of
from edge.video.frame import Frame
from edge.video.open import open_source
from gallery.threads import Worker
from tests.integration.demo_process import material

if TYPE_CHECKING:
    from pathlib import Path

    from tests.free import Free

pytestmark = pytest.mark.alone


@settings(max_examples=50)
@given(st.integers(0, 2**BITS - 1), st.sampled_from([(640, 360), (1920, 1080), (1366, 768)]))
def test_a_number_is_read_back_through_noise(number: int, size: tuple[int, int]) -> None:
    bgr = np.full((size[1], size[0], 3), 90, np.uint8)
    paint_number(bgr, number)
    noise = np.random.default_rng(number).integers(-15, 16, bgr.shape)
    noisy = np.clip(bgr + noise, 0, 255).astype(np.uint8)
    assert read_number(noisy) == number
    assert read_number(Frame(noisy, 0.0, 0, 0).scaled(LOOK_PX, sampled=True)) == number


def test_a_film_has_its_numbers_and_keeps_its_own_speed(free: Free, tmp_path: Path) -> None:
    path, form = tmp_path / "film.mp4", StreamForm(320, 180, 50, "libx264", 0.5)
    compose(str(free.clip), path, form, ["Somebody"])
    with open_source(str(free.clip)) as source:
        first = {round(f.pts_s, 3): f.bgr for f, _ in zip(source, range(40), strict=False)}
    with open_source(str(path)) as film:
        assert film.fps == 50
        frames = [frame for frame, _ in zip(film, range(60), strict=False)]
    assert [read_number(f.bgr) for f in frames] == list(range(60))
    # the picture at 1.0 s is the one that the film itself shows then
    theirs = cv2.resize(first[1.0], (320, 180))[40:120]
    assert float(np.abs(frames[50].bgr[40:120].astype(float) - theirs).mean()) < 8


def test_between_two_pictures_things_are_half_way_and_cuts_stay_cuts() -> None:
    rng = np.random.default_rng(7)
    texture = cv2.GaussianBlur(rng.integers(0, 256, (120, 200, 3)).astype(np.uint8), (0, 0), 1.5)
    before, after = texture[:, 8:168], texture[:, :160]
    half = between(before, after, 0.5).astype(float)
    wanted = texture[:, 4:164]
    inside = (slice(20, 100), slice(20, 140))
    off = np.abs(before[inside].astype(float) - wanted[inside]).mean()
    assert np.abs(half[inside] - wanted[inside]).mean() < off / 2
    other = np.full_like(before, 250)
    assert between(before, other, 0.4) is before
    assert between(before, other, 0.6) is other


def test_time_is_counted_by_thread() -> None:
    def work() -> None:
        until_s = time.thread_time() + 0.06
        while time.thread_time() < until_s:
            pass
        counted.update(seconds_by_thread())

    counted: dict[str, float] = {}
    worker = Worker("busy-7", work)
    worker.start()
    worker.join(10)
    assert counted["busy-"] >= 0.04


def test_the_figures_fit_together(tmp_path: Path) -> None:
    gallery_of(material().people_dir, tmp_path / "gallery")
    film = material().video_path
    found = bench_live(str(film), tmp_path / "gallery", 3, size="360p25", backends=("pyav",))
    (row,) = found.rows
    assert (found.width, found.height, found.fps) == (640, 360, 25)
    assert 0.3 < found.mbit_s < 2
    assert 0 < found.decode_cpu_ms < 40
    assert {"shots", "detect", "embed", "decide"} <= row.stage_ms.keys()
    assert row.cpu_by_thread.keys() >= {"video", "recognise"}
    assert sum(row.cpu_by_thread.values()) == pytest.approx(row.cpu_share, abs=0.1)
    assert row.press_ms is not None
    assert row.missing == ""
    assert 60 <= row.sent <= 90
    assert row.recognised > 20
    assert row.recognised + row.dropped <= row.sent + 12  # some were under way
    assert row.named > 0.2
    # A made voice speaks, which was enrolled in a copy; while load is shed nobody listens.
    assert row.voices >= 1 or row.shed
    assert 0 <= row.voice_cpu_ms < 1000
    assert not (tmp_path / "gallery.voices").exists()
    assert row.decode_to_scene_ms is not None
    assert row.glass_ms is not None
    # A scene cannot be at the overlay before it was made.
    assert 0 < row.decode_to_scene_ms.p50 < row.glass_ms.p50 < 10_000
    assert 0 < row.cpu_share <= 1


def test_each_set_of_cues_stands_beside_the_row_without() -> None:
    def row(*cues: str, ms: float = 4.0, backend: str = "pyav", missing: str = "") -> LiveRow:
        took = spread([ms / 1000] * 3)
        return LiveRow(
            backend, cues, press_ms=took, glass_ms=took, cpu_share=ms / 100, missing=missing
        )

    rows = (row(), row("text", ms=5.5), row("body", ms=5), row(backend="gstreamer", missing="no"))
    found = LiveBench("1080p25", 1920, 1080, 25, "h264", 6.0, 1.0, 0.1, 3.0, 2, rows)
    assert beside_today(found) == [
        (
            "pyav, with text: press p95 4.0 -> 5.5 ms, sent to overlay p95 4.0 -> 5.5 ms, "
            "cores 4.0 -> 5.5 %"
        ),
        (
            "pyav, with body: press p95 4.0 -> 5.0 ms, sent to overlay p95 4.0 -> 5.0 ms, "
            "cores 4.0 -> 5.0 %"
        ),
    ]
