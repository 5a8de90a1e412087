from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.recognise.letterbox import CONFIRM, Bars, lit_box
from edge.video.frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray


def film(
    top: int, bottom: int, left: int = 0, right: int = 0, *, seed: int = 0
) -> NDArray[np.uint8]:
    """Return a noisy 320x180 picture with bars of these widths, black as limited range has it."""
    bgr = np.random.default_rng(seed).integers(70, 256, (180, 320, 3)).astype(np.uint8)
    bgr[:top] = bgr[180 - bottom :] = 16
    bgr[:, :left] = bgr[:, 320 - right :] = 16
    return bgr


def after(bars: Bars, bgr: NDArray[np.uint8], times: int) -> Bars:
    for _ in range(times):
        bars = bars.after(bgr)
    return bars


@pytest.mark.parametrize(
    ("edges", "box"),
    [
        ((22, 22, 0, 0), (0, 22, 320, 158)),
        ((0, 0, 40, 40), (40, 0, 280, 180)),
        ((20, 20, 30, 30), (30, 20, 290, 160)),
        ((0, 0, 0, 0), (0, 0, 320, 180)),
    ],
)
def test_bars_are_cut_off_when_they_stay(
    edges: tuple[int, int, int, int], box: tuple[int, int, int, int]
) -> None:
    picture = film(*edges)
    few = after(Bars(), picture, CONFIRM - 1)
    assert few.box == (0, 0, 320, 180)
    assert few.after(picture).box == box


def test_a_picture_in_the_bars_opens_at_once_and_closes_slowly() -> None:
    bars = after(Bars(), film(22, 22), CONFIRM)
    open_again = bars.after(film(0, 0))
    assert open_again.box == (0, 0, 320, 180)
    assert after(open_again, film(22, 22), CONFIRM - 1).box == (0, 0, 320, 180)
    assert after(open_again, film(22, 22), CONFIRM).box == (0, 22, 320, 158)


def test_dark_frames_say_nothing() -> None:
    bars = after(Bars(), film(22, 22), CONFIRM)
    assert after(bars, np.full((180, 320, 3), 16, np.uint8), 50) == bars
    assert lit_box(np.full((180, 320, 3), 50, np.uint8)) is None


@pytest.mark.parametrize("edges", [(60, 0, 0, 0), (0, 0, 100, 0), (70, 70, 0, 0)])
def test_one_dark_side_or_a_small_light_is_no_bar(edges: tuple[int, int, int, int]) -> None:
    assert after(Bars(), film(*edges), 3 * CONFIRM).box == (0, 0, 320, 180)


def test_another_size_starts_anew() -> None:
    bars = after(Bars(), film(22, 22), CONFIRM)
    assert bars.after(np.full((90, 160, 3), 200, np.uint8)).box == (0, 0, 160, 90)


def test_crop_is_a_view_and_keeps_the_time() -> None:
    picture = film(22, 22)
    frame = Frame(picture, 1.5, 7, 9)
    cropped = after(Bars(), picture, CONFIRM).crop(frame)
    assert cropped.bgr.shape == (136, 320, 3)
    assert np.shares_memory(cropped.bgr, picture)
    assert (cropped.pts_s, cropped.index, cropped.captured_ns) == (1.5, 7, 9)
    assert Bars().crop(frame) is frame


def test_one_pixel() -> None:
    assert Bars().after(np.full((1, 1, 3), 255, np.uint8)).box == (0, 0, 1, 1)
