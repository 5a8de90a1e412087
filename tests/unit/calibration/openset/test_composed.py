import numpy as np

from calibration.openset.composed import (
    COLUMNS,
    FACES,
    ROWS,
    SIDES_PX,
    SourceFace,
    _film,
    through_h264,
)
from engines.align import ARCFACE_TEMPLATE_PX
from engines.pipeline import FacePipeline


def _source(grey: int) -> SourceFace:
    bgr = np.full((112, 112, 3), grey, np.uint8)
    bgr[40:60, 30:80] += 20
    box = np.array([10, 10, 100, 110], np.float32)
    return SourceFace(f"p{grey}", "", bgr, box, ARCFACE_TEMPLATE_PX)


def test_each_track_gets_its_own_faces_in_every_shot() -> None:
    greys = [40 + 5 * i for i in range(COLUMNS * ROWS + 5)]  # a full shot, and part of a second
    once = FacePipeline(None, None, "sface-2021dec")  # type: ignore[arg-type]
    found = _film([[_source(g)] for g in greys], once, np.random.default_rng(3))
    assert len(found.looks) == len(greys) * FACES
    assert {chips.shape for chips in found.looks} == {(1, 112, 112, 3)}
    means = np.median(np.concatenate(found.looks).reshape(len(greys), -1), axis=1)
    for first, last in ((0, COLUMNS * ROWS), (COLUMNS * ROWS, len(greys))):
        assert (np.diff(means[first:last]) > 0).all()
    assert found.side_px.min() > 0.8 * SIDES_PX[0]
    assert found.side_px.max() < 1.2 * SIDES_PX[1]


def test_a_lower_bit_rate_loses_more() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(4)]
    errors = []
    for crf in (20, 40):
        seen = through_h264(frames, crf)
        assert len(seen) == len(frames)
        errors.append(np.abs(np.stack(seen).astype(int) - np.stack(frames)).mean())
    assert errors[0] < errors[1]
