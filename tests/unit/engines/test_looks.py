"""A turned face is cut out by two detectors' landmarks; its embedding is the mean of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engines.align import TURNED_YAW, align, cut_out, second_landmarks
from engines.catalog import SECOND_DETECTOR, fetched_models
from engines.detections import Detections
from engines.embedder import Embedder, embed_looks
from engines.fetch import fetch
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline, unit
from engines.quality import yaw_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.free import Free

FRONTAL = np.array([[40, 50], [75, 50], [57, 70], [42, 90], [72, 90]], np.float32)
TURNED = FRONTAL + np.array([[0, 0], [0, 0], [15, 0], [0, 0], [0, 0]], np.float32)
BOX = np.array([30, 30, 90, 110], np.float32)


class Means:
    """A network that tells the mean of a chip's planes, twice as long for brighter ones."""

    kind = "means"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"out": inputs["data"].mean(axis=(2, 3)).astype(np.float32)}

    def close(self) -> None:
        """Nothing is held."""


def faces(*landmarks: np.ndarray) -> Detections:
    count = len(landmarks)
    return Detections(np.stack([BOX] * count), np.ones(count, np.float32), np.stack(landmarks))


@pytest.fixture(scope="module")
def pipeline() -> FacePipeline:
    fetch(SECOND_DETECTOR)
    return load_pipeline(threads=1, precision="fp32")


def test_the_embedding_is_the_mean_of_both_and_the_norm_the_mean_of_theirs() -> None:
    embedder = Embedder(Means(), dimension=3)
    chips = np.zeros((3, 112, 112, 3), np.uint8)
    chips[0, ..., 0], chips[1, ..., 1], chips[2, ..., 2] = 40, 80, 120
    one, two = chips[:1], chips[1:]
    found = embed_looks(embedder, [one, two])
    alone = embedder.embed(chips)
    np.testing.assert_array_equal(found.vectors[0], alone.vectors[0])
    np.testing.assert_allclose(found.vectors[1], unit(alone.vectors[1] + alone.vectors[2]))
    np.testing.assert_allclose(found.norms, [40, 100])
    assert found.vectors.dtype == found.norms.dtype == np.float32


def test_faces_cut_out_once_are_embedded_to_the_bit_as_before() -> None:
    embedder = Embedder(Means(), dimension=3)
    chips = np.random.default_rng(1).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    found, alone = embed_looks(embedder, [*chips[:, None]]), embedder.embed(chips)
    np.testing.assert_array_equal(found.vectors, alone.vectors)
    np.testing.assert_array_equal(found.norms, alone.norms)


def test_only_who_has_second_landmarks_is_cut_out_twice() -> None:
    bgr = np.random.default_rng(2).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    first, second = cut_out(bgr, faces(FRONTAL, FRONTAL), {1: TURNED})
    assert (len(first), len(second)) == (1, 2)
    np.testing.assert_array_equal(second[0], first[0])
    np.testing.assert_array_equal(second[1:], align(bgr, TURNED[None]))


def test_a_film_looks_twice_at_turned_faces_a_picture_at_all(
    pipeline: FacePipeline, free: Free
) -> None:
    bgr = read_picture(free.faces[0])
    found = pipeline.detector.detect(bgr)
    one = found[[int(np.argmax(found.sides_px))]]
    assert yaw_of(one.landmarks_px)[0] < TURNED_YAW
    assert [len(chips) for chips in pipeline.looks(bgr, one)[1]] == [1]
    (seen,) = pipeline.second_px(bgr, one).values()
    side = float(one.sides_px[0])
    assert np.abs(seen - one.landmarks_px[0]).max() < 0.15 * side


def test_where_the_second_detector_sees_nobody_there_is_no_second_look(
    pipeline: FacePipeline,
) -> None:
    grey = np.full((150, 150, 3), 90, np.uint8)
    assert pipeline.second_px(grey, faces(TURNED)) == {}
    assert second_landmarks(pipeline.detector, grey, faces(TURNED), from_yaw=0) == {}


def test_the_second_detector_is_fetched_with_the_models_that_names_need() -> None:
    assert list(fetched_models()) == ["yunet", "sface", SECOND_DETECTOR]
