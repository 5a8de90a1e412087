"""`bench live` on a small stream: its figures fit together; their size is not judged here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bench.live import BITS, bench_live, paint_number, read_number
from edge.demo.material import gallery_of
from tests.integration.demo_process import material

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.alone


@settings(max_examples=50)
@given(st.integers(0, 2**BITS - 1), st.sampled_from([(640, 360), (1920, 1080), (1366, 768)]))
def test_a_number_is_read_back_through_noise(number: int, size: tuple[int, int]) -> None:
    bgr = np.full((size[1], size[0], 3), 90, np.uint8)
    paint_number(bgr, number)
    noise = np.random.default_rng(number).integers(-15, 16, bgr.shape)
    assert read_number(np.clip(bgr + noise, 0, 255).astype(np.uint8)) == number


def test_the_figures_fit_together(tmp_path: Path) -> None:
    gallery_of(material().people_dir, tmp_path / "gallery")
    film = material().video_path
    found = bench_live(str(film), tmp_path / "gallery", 3, size=(640, 360), backends=("pyav",))
    (row,) = found.rows
    assert row.missing == ""
    assert 60 <= row.sent <= 90
    assert row.recognised > 20
    assert row.recognised + row.dropped <= row.sent + 12  # some were under way
    assert row.named > 0.2
    assert row.decode_to_scene_ms is not None
    assert row.glass_ms is not None
    # A scene cannot be at the overlay before it was made.
    assert 0 < row.decode_to_scene_ms.p50 < row.glass_ms.p50 < 10_000
    assert 0 < row.cpu_share <= 1
