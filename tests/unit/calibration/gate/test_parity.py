from __future__ import annotations

import numpy as np

from calibration.gate.parity import average_precision, compare_embedders, match_faces
from calibration.pictures.faces import Chips, calibration_people
from engines.detections import Detections
from engines.embedder import Embeddings


class NoisyEmbedder:
    """Embeds a chip as its person's direction with a personal and a general deviation."""

    def __init__(self, noise: float) -> None:
        self._noise = noise

    def embed(self, chips_bgr) -> Embeddings:
        rows = []
        for chip in chips_bgr:
            person, picture = int(chip[0, 0, 0]), int(chip[0, 0, 1])
            own = np.random.default_rng(person).normal(size=64)
            own = own + 0.7 * np.random.default_rng(1000 + 61 * person + picture).normal(size=64)
            seed = int(self._noise * 1e6) + 61 * person + picture
            rows.append(own + self._noise * np.random.default_rng(seed).normal(size=64))
        vectors = np.array(rows, np.float32)
        norms = np.linalg.norm(vectors, axis=1)
        return Embeddings(vectors / norms[:, None], norms)


def _chips(people: int, each: int) -> Chips:
    bgr = np.zeros((people * each, 112, 112, 3), np.uint8)
    bgr[:, 0, 0, 0] = np.repeat(np.arange(people), each)
    bgr[:, 0, 0, 1] = np.tile(np.arange(each), people)
    names = tuple(f"p{i}" for i in np.repeat(np.arange(people), each))
    return Chips(bgr, names, tuple(str(i) for i in range(len(names))))


def test_a_faithful_copy_passes() -> None:
    parity = compare_embedders(NoisyEmbedder(0), NoisyEmbedder(0.02), _chips(12, 20))
    assert parity.passed, parity.failures
    assert parity.figures["cosine"]["mean"] > 0.999
    assert parity.figures["tpir_0.01"]["int8"] > 0.9


def test_a_drifted_copy_is_refused_with_the_figure() -> None:
    parity = compare_embedders(NoisyEmbedder(0), NoisyEmbedder(0.3), _chips(12, 20))
    assert not parity.passed
    assert any(f.startswith("cosine mean 0.9") for f in parity.failures)


def test_too_few_faces_prove_nothing() -> None:
    parity = compare_embedders(NoisyEmbedder(0), NoisyEmbedder(0), _chips(3, 5))
    assert parity.failures == ("15 test faces, at least 50 are needed",)


def test_average_precision_by_hand() -> None:
    # Ranked: hit, miss, hit; of 2 faces: 0.5 * 1 + 0.5 * 2/3.
    scores, hits = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    assert abs(average_precision(scores, hits, 2) - (0.5 + 0.5 * 2 / 3)) < 1e-12
    assert average_precision(scores, hits, 4) < 0.5


def test_each_face_is_matched_once() -> None:
    def faces(*lefts: float) -> Detections:
        boxes = np.array([[x, 0, x + 10, 10] for x in lefts], np.float32).reshape(-1, 4)
        n = len(lefts)
        return Detections(boxes, np.ones(n, np.float32), np.zeros((n, 5, 2), np.float32))

    assert match_faces(faces(0, 100), faces(1, 0, 101)) == {0: 0, 2: 1}
    assert match_faces(faces(), faces(1)) == {}


def test_people_are_split_the_same_way_every_time() -> None:
    people = {f"p{i}" for i in range(18)}
    chosen = calibration_people(people)
    assert len(chosen) == 6
    assert chosen == calibration_people(set(people))
