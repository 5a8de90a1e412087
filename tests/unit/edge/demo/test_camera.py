from __future__ import annotations

import numpy as np
import pytest

from edge.demo.camera import Move, Stage, View, grade

SIZE = (320, 180)
BOX = (60, 90, 100, 140)


def photograph() -> np.ndarray:
    bgr = np.full((300, 200, 3), 60, np.uint8)
    bgr[BOX[1] : BOX[3], BOX[0] : BOX[2]] = (0, 0, 255)
    return bgr


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_boxes_lie_where_the_camera_shows_them(t: float, *, mirror: bool) -> None:
    move = Move("x", View(0.5, 0.4, 0.8), View(0.4, 0.35, 0.4), mirror=mirror)
    stage = Stage(photograph(), move, SIZE)
    red = stage.frame(t)[..., 2].astype(int) - stage.frame(t)[..., 1] > 120
    rows, cols = np.nonzero(red)
    found = (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)
    assert found == pytest.approx(stage.box(t, BOX), abs=2)


def test_the_camera_starts_and_ends_where_it_is_told() -> None:
    stage = Stage(photograph(), Move("x", View(0.5, 0.5, 1.0), View(0.5, 0.25, 0.5)), SIZE)
    assert stage.box(0, (0, 0, 200, 300)) == pytest.approx((100, 0, 220, 180))
    assert stage.box(1, (0, 0, 200, 300))[1:4:2] == pytest.approx((0, 360))


def test_beside_a_tall_photograph_lies_its_dark_likeness() -> None:
    stage = Stage(
        np.full((300, 100, 3), 200, np.uint8), Move("x", View(0.5, 0.5, 1), View(0.5, 0.5, 1)), SIZE
    )
    frame = stage.frame(0.5)
    assert frame[90, 10].max() == pytest.approx(90, abs=3)
    assert (frame[90, 160] == 200).all()


def test_grades_change_the_picture_as_they_say() -> None:
    bgr = np.random.default_rng(1).integers(0, 256, (180, 320, 3), np.uint8)
    assert grade(bgr, "plain") is bgr
    assert grade(bgr, "night").mean() < 0.6 * bgr.mean()
    warm = grade(bgr, "warm").mean(axis=(0, 1))
    assert warm[0] < bgr[..., 0].mean()
    assert warm[2] > bgr[..., 2].mean()
    big = np.repeat(np.repeat(bgr, 4, axis=0), 4, axis=1)
    assert grade(big, "poor").shape == big.shape
    assert grade(big, "poor").std() < big.std()
