"""Frames composed of pictures: the same for the same pictures, and full of small pictures."""

from __future__ import annotations

import numpy as np

from calibration.pictures.frames import FRAME_PX, compose_frames, frames_needed

random = np.random.default_rng(5)
PICTURES = [
    random.integers(0, 256, (size, size + 9, 3), dtype=np.uint8) for size in (60, 112, 300, 640)
]
DIGESTS = ["a", "b", "c", "d"]


def test_the_same_pictures_give_the_same_frames_and_others_do_not() -> None:
    first = compose_frames(PICTURES, DIGESTS, 4)
    again = compose_frames(PICTURES, DIGESTS, 4)
    other = compose_frames(PICTURES, [*DIGESTS[:3], "e"], 4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_frames_have_the_size_of_the_detectors_input_and_differ_in_brightness() -> None:
    frames = compose_frames(PICTURES, DIGESTS, 9)
    assert [f.shape for f in frames] == [(FRAME_PX[1], FRAME_PX[0], 3)] * 9
    means = [float(f.mean()) for f in frames]
    assert max(means) > 1.3 * min(means)


def test_one_frame_is_composed_of_every_eight_pictures() -> None:
    assert [frames_needed(n) for n in (0, 1, 8, 9, 256)] == [0, 1, 1, 2, 32]
    assert compose_frames([], [], 3) == []
