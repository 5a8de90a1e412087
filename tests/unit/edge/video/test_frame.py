"""A frame's pixels are converted when they are asked for, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.video.frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

BGR = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


class Undecided:
    """A picture that counts its conversions."""

    pts_s, index, captured_ns, size = 1.5, 3, 7, (60, 40)

    def __init__(self) -> None:
        self.converted = 0
        self.asked: list[tuple[int, int]] = []

    def to_frame(self) -> Frame:
        self.converted += 1
        return Frame(BGR, self.pts_s, self.index, self.captured_ns)

    def scaled(self, size: tuple[int, int], *, sampled: bool = False) -> NDArray[np.uint8]:
        self.asked.append(size)
        return np.full((size[1], size[0], 3), int(sampled), np.uint8)


def test_a_frame_is_converted_once_and_only_when_it_is_asked_for() -> None:
    picture = Undecided()
    frame = Frame(picture, 9.0, 4, 8)
    assert (frame.pts_s, frame.index, frame.captured_ns, frame.size) == (9.0, 4, 8, (60, 40))
    assert frame.scaled((6, 4), sampled=True).shape == (4, 6, 3)
    later = frame.dated(1)
    assert later.captured_ns == 1
    assert picture.converted == 0
    assert later.bgr is BGR
    assert frame.bgr is BGR
    assert frame.to_frame().bgr is BGR
    assert picture.converted == 1
    assert picture.asked == [(6, 4)]


def test_pixels_that_are_there_are_scaled_from() -> None:
    frame = Frame(BGR, 0.0, 0, 0)
    assert frame.size == (60, 40)
    assert frame.scaled((30, 20)).shape == (20, 30, 3)
    assert frame.bgr is BGR
