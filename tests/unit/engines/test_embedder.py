"""OpenCV's own FaceRecognizerSF is the reference, with the same model file."""

import cv2
import numpy as np
import pytest

from engines.align import align, similarity_transforms
from engines.errors import ModelShapeError
from engines.fetch import fetch
from engines.pipeline import FacePipeline
from tests.free import Free


def test_equals_opencv(pipeline: FacePipeline, free: Free) -> None:
    theirs = cv2.FaceRecognizerSF.create(str(fetch("sface")), "")
    for path in (free.group, free.pair, free.portrait):
        bgr = cv2.imread(str(path))
        faces = pipeline.detector.detect(bgr)
        ours = pipeline.embedder.embed(align(bgr, faces.landmarks_px)).vectors
        scales = np.hypot(*similarity_transforms(faces.landmarks_px)[:, :, 0].T)
        for i, vector in enumerate(ours):
            row = np.concatenate(
                [
                    faces.xyxy_px[i, :2],
                    faces.xyxy_px[i, 2:] - faces.xyxy_px[i, :2],
                    faces.landmarks_px[i].ravel(),
                    faces.scores[i : i + 1],
                ]
            )
            feature = theirs.feature(theirs.alignCrop(bgr, row[None]))[0]
            # OpenCV does not average the pixels of a large face
            bar = 0.999 if scales[i] > 0.5 else 0.95
            assert float(vector @ feature) / np.linalg.norm(feature) >= bar


def test_a_batch_equals_its_faces_one_by_one(pipeline: FacePipeline) -> None:
    rng = np.random.default_rng(0)
    chips = rng.integers(0, 256, (19, 112, 112, 3), dtype=np.uint8)
    batch = pipeline.embedder.embed(chips)
    singles = np.concatenate([pipeline.embedder.embed(chip[None]).vectors for chip in chips])
    assert (batch.vectors * singles).sum(axis=1).min() > 0.99999
    np.testing.assert_allclose(np.linalg.norm(batch.vectors, axis=1), 1, atol=1e-5)
    assert batch.norms.shape == (19,)


def test_no_faces_give_no_vectors(pipeline: FacePipeline) -> None:
    empty = np.zeros((0, 112, 112, 3), np.uint8)
    assert pipeline.embedder.embed(empty).vectors.shape == (0, 128)


def test_refuses_chips_of_another_shape(pipeline: FacePipeline) -> None:
    with pytest.raises(ModelShapeError, match="112"):
        pipeline.embedder.embed(np.zeros((1, 96, 112, 3), np.uint8))
