"""What the recogniser sees of pictures that are not converted: cuts, bars, the detector's part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge.recognise.letterbox import CONFIRM
from edge.recognise.shots import BARS_EVERY, SMALL_PX, SmallLook
from edge.video.frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (1920, 1080)
BAR_PX = 138
"""Above and below a film of 2.39:1."""


class Planes:
    """A decoded picture; to convert all of it is an error."""

    pts_s, index, captured_ns, size = 0.0, 0, 0, SIZE

    def __init__(self, bgr: NDArray[np.uint8]) -> None:
        self._bgr = bgr

    def to_frame(self) -> Frame:
        raise AssertionError("the whole picture was converted")

    def scaled(self, size: tuple[int, int], *, sampled: bool = False) -> NDArray[np.uint8]:
        way = cv2.INTER_NEAREST if sampled else cv2.INTER_AREA
        return np.asarray(cv2.resize(self._bgr, size, interpolation=way), np.uint8)


def film(ground: int, *, bars: bool) -> Frame:
    bgr = np.full((SIZE[1], SIZE[0], 3), 16, np.uint8)
    top = BAR_PX if bars else 0
    bgr[top : SIZE[1] - top] = ground
    return Frame(Planes(bgr), 0.0, 0, 0)


def look_at(look: SmallLook, frame: Frame, times: int = 1) -> list[bool]:
    return [look.is_cut(frame, frame.scaled(SMALL_PX, sampled=True)) for _ in range(times)]


def test_the_detectors_part_comes_in_its_size_without_a_conversion() -> None:
    look = SmallLook()
    frame = film(120, bars=False)
    look_at(look, frame)
    view, factor, start = look.view(frame, 960)
    assert view.shape == (540, 960, 3)
    assert factor == pytest.approx([2, 2])
    assert start == (0, 0)
    assert look.longest_px(frame) == 1920


def test_bars_are_cut_off_and_boxes_find_back() -> None:
    look = SmallLook()
    frame = film(120, bars=True)
    look_at(look, frame, BARS_EVERY * (CONFIRM + 1))
    left, top, right, bottom = look.box_in(SIZE)
    assert (left, right) == (0, 1920)
    assert abs(top - BAR_PX) <= 4
    assert abs(bottom - (1080 - BAR_PX)) <= 4
    view, factor, start = look.view(frame, 960)
    assert view.min() > 60
    assert abs(start[1] - BAR_PX) <= 4
    # the middle of the view is the middle of the frame
    middle = start[1] + view.shape[0] / 2 * float(factor[1])
    assert middle == pytest.approx(540, abs=4)


def test_a_cut_is_seen_in_few_pixels_and_finding_bars_is_none() -> None:
    look = SmallLook()
    assert not any(look_at(look, film(120, bars=True), BARS_EVERY * (CONFIRM + 1)))
    assert look_at(look, film(200, bars=True)) == [True]
