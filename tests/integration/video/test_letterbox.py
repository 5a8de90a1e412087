"""A real film between black bars, followed by the recogniser: the same names, boxes in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge.recognise.recogniser import Recogniser, RecogniserOptions
from edge.video.frame import Frame
from edge.video.open import open_source
from engines.pipeline import load_pipeline
from gallery.search.watch import GalleryWatcher

if TYPE_CHECKING:
    from pathlib import Path

    from edge.recognise.scene import Scene
    from tests.free import Free

EDGE = 150


def framed(frame: Frame, *, right: int, down: int, ground: int) -> Frame:
    """Lay the frame on a larger black one, as limited-range black reads: 16 and some noise."""
    height, width = frame.bgr.shape[:2]
    noise = np.random.default_rng(frame.index)
    shape = (height + 2 * down, width + 2 * right, 3)
    screen = noise.integers(ground - 4, ground + 5, shape).astype(np.uint8)
    screen[down : down + height, right : right + width] = frame.bgr
    return Frame(screen, frame.pts_s, frame.index, frame.captured_ns)


def follow(clip: Path, gallery: Path, **bars: int) -> tuple[list[Scene], list[tuple[int, ...]]]:
    """Return the scenes of the clip played twice, and the sizes that the detector was given."""
    pipeline = load_pipeline(threads=1)
    sizes: list[tuple[int, ...]] = []
    detect = pipeline.detector.detect

    class Watched:
        long_side_px = pipeline.detector.long_side_px

        def detect(self, bgr: Any, **size: Any) -> Any:
            sizes.append(bgr.shape[:2])
            return detect(bgr, **size)

    pipeline.detector = Watched()  # type: ignore[assignment]
    watcher = GalleryWatcher(gallery, pipeline.model)
    recogniser = Recogniser(pipeline, watcher, RecogniserOptions(detect_every=2))
    try:
        with open_source(str(clip)) as source:
            seen = [framed(f, **bars) if bars else f for f in source]
            return [recogniser.process(frame).scene for frame in seen], sizes
    finally:
        watcher.close()
        pipeline.close()


@pytest.fixture(scope="module")
def plain(free: Free, few: Path) -> list[Scene]:
    return follow(free.clip, few)[0]


@pytest.mark.parametrize(("right", "down"), [(0, 46), (106, 0)])
def test_the_same_names_and_the_boxes_in_their_place(
    plain: list[Scene], free: Free, few: Path, right: int, down: int
) -> None:
    barred, sizes = follow(free.clip, few, right=right, down=down, ground=18)
    # the bars are known after 12 looks at every tenth frame, and gone from then on
    assert sizes[0] == (360 + 2 * down, 640 + 2 * right)
    height, width = max(sizes[-8:])  # a low-resolution pass is half of it
    assert abs(height - 360) <= 8
    assert abs(width - 640) <= 8
    assert [s.shot for s in plain] == [s.shot for s in barred]
    same = moved = 0
    for one, other in zip(plain[EDGE:], barred[EDGE:], strict=True):
        ours = {f.id: f.box for f in one.faces if f.id}
        theirs = {f.id: f.box for f in other.faces if f.id}
        assert set(theirs) <= {f.id for s in plain for f in s.faces}
        same += set(ours) == set(theirs)
        for person in ours.keys() & theirs.keys():
            shift = np.subtract(theirs[person], ours[person])
            assert shift == pytest.approx([right, down] * 2, abs=12)
            moved += 1
    assert moved >= 50
    assert same >= 0.9 * len(plain[EDGE:])
