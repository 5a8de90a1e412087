import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.align import ARCFACE_TEMPLATE_PX, align, similarity_transforms


@given(
    scale=st.floats(0.2, 20),
    angle=st.floats(-3.1, 3.1),
    x=st.floats(-500, 4000),
    y=st.floats(-500, 4000),
)
def test_undoes_any_similarity(scale: float, angle: float, x: float, y: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (ARCFACE_TEMPLATE_PX @ turn.T + [x, y]).astype(np.float32)
    matrix = similarity_transforms(moved[None])[0]
    back = moved @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(back, ARCFACE_TEMPLATE_PX, atol=0.05)


def test_is_the_least_squares_similarity_for_noisy_landmarks() -> None:
    rng = np.random.default_rng(1)
    landmarks = (ARCFACE_TEMPLATE_PX * 2 + rng.normal(0, 8, (5, 2)) + 40).astype(np.float32)
    ours = similarity_transforms(landmarks[None])[0]

    def error(matrix: np.ndarray) -> float:
        moved = landmarks @ matrix[:, :2].T + matrix[:, 2]
        return float(((moved - ARCFACE_TEMPLATE_PX) ** 2).sum())

    least = error(ours)
    for _ in range(200):
        a, b, tx, ty = rng.normal(0, 0.01, 4)
        other = ours + np.array([[a, -b, 100 * tx], [b, a, 100 * ty]])
        assert error(other) >= least - 1e-9


def test_places_landmarks_where_the_template_has_them() -> None:
    landmarks = ARCFACE_TEMPLATE_PX * 3 + 100
    picture = np.zeros((600, 600, 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(picture, (round(float(x)), round(float(y))), 6, (255, 255, 255), -1)
    (chip,) = align(picture, landmarks[None].astype(np.float32))
    for x, y in ARCFACE_TEMPLATE_PX:
        assert chip[round(float(y)), round(float(x))].min() > 200


def test_zoom_keeps_the_centre() -> None:
    landmarks = (ARCFACE_TEMPLATE_PX + 50)[None].astype(np.float32)
    picture = np.zeros((300, 300, 3), np.uint8)
    cx, cy = (ARCFACE_TEMPLATE_PX.mean(axis=0) + 50).round().astype(int)
    picture[cy - 2 : cy + 3, cx - 2 : cx + 3] = 255
    near, far = (align(picture, landmarks, zoom=z)[0] for z in (1.3, 0.8))
    middle = ARCFACE_TEMPLATE_PX.mean(axis=0).round().astype(int)
    assert near[middle[1], middle[0]].min() > 200
    assert far[middle[1], middle[0]].min() > 150
    assert (near > 128).sum() > (far > 128).sum()


@pytest.mark.parametrize("large", [2.1, 3.3, 8.0])
def test_a_large_face_is_the_mean_of_its_pixels(large: float) -> None:
    grain = np.random.default_rng(2).integers(0, 256, (900, 900, 1), np.uint8)
    landmarks = (ARCFACE_TEMPLATE_PX * large + 5).astype(np.float32)
    (chip,) = align(np.repeat(grain, 3, axis=2), landmarks[None])
    # grain of deviation 74: the mean of n pixels has 74 over the root of n
    assert chip[:80, :80].std() < 1.1 * 74 / int(large)
    assert abs(float(chip[:80, :80].mean()) - 127.5) < 3


@pytest.mark.parametrize("large", [1.7, 2.0, 3.3, 9.7])
def test_a_large_face_stays_in_its_place(large: float) -> None:
    turn = large * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    landmarks = (ARCFACE_TEMPLATE_PX @ turn.T + [411, 7]).astype(np.float32)
    y, x = np.mgrid[0:1700, 0:1900]
    slopes = np.stack([x * 0.13, y * 0.14, (x + y) * 0.07], axis=2)
    (chip,) = align(slopes.round().astype(np.uint8), landmarks[None])
    back = cv2.invertAffineTransform(similarity_transforms(landmarks[None])[0])
    for u, v in ((60, 10), (56, 72), (100, 100), (80, 30)):
        px, py = back @ [u, v, 1]
        assert np.allclose(chip[v, u], [px * 0.13, py * 0.14, (px + py) * 0.07], atol=1.1)


def test_of_a_large_face_at_the_edge_what_is_outside_is_black() -> None:
    picture = np.full((301, 299, 3), 200, np.uint8)
    left, beyond = ((ARCFACE_TEMPLATE_PX * 4 + off).astype(np.float32) for off in (-200, 900))
    half, nothing = align(picture, np.stack([left, beyond]))
    assert half[:49].max() == 0
    assert (half[52:120, 52:120] == 200).all()
    assert nothing.max() == 0


def test_no_faces_give_no_chips() -> None:
    empty = np.zeros((0, 5, 2), np.float32)
    assert align(np.zeros((10, 10, 3), np.uint8), empty).shape == (0, 112, 112, 3)
