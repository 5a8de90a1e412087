from pathlib import Path

import av
import cv2
import numpy as np

from edge.recognise.shots import HELD_S, DissolveDetector, ShotDetector


def cuts(pictures: list[np.ndarray]) -> list[int]:
    detector = ShotDetector()
    return [i for i, picture in enumerate(pictures) if detector.is_cut(picture)]


def noise(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return np.kron(small, np.ones((20, 20, 1), np.uint8))


def test_finds_a_hard_cut_and_nothing_else() -> None:
    assert cuts([noise(1)] * 10 + [noise(2)] * 10) == [10]


def test_a_pan_is_no_cut() -> None:
    wide = cv2.GaussianBlur(np.concatenate([noise(i) for i in range(6)], axis=1), (0, 0), 20)
    assert cuts([wide[:, 8 * i : 8 * i + 320] for i in range(60)]) == []


def test_motion_of_sharp_edges_is_at_most_one_cut() -> None:
    wide = np.concatenate([noise(i) for i in range(6)], axis=1)
    assert len(cuts([wide[:, 8 * i : 8 * i + 320] for i in range(60)])) <= 1


def test_another_crop_of_the_same_film_is_no_cut_but_hides_none() -> None:
    detector = ShotDetector()
    assert not any(detector.is_cut(noise(1)) for _ in range(10))
    detector.reframe(noise(1)[40:140])
    assert not any(detector.is_cut(noise(1)[40:140]) for _ in range(3))
    assert detector.is_cut(noise(2)[40:140])


def test_a_flash_is_at_most_one_cut() -> None:
    pictures = [noise(1)] * 20
    pictures[10] = np.full_like(pictures[0], 255)
    assert len(cuts(pictures)) <= 1


def test_a_fade_is_no_cut() -> None:
    picture = noise(3)
    assert cuts([(picture * (1 - i / 30)).astype(np.uint8) for i in range(30)]) == []


def test_a_dissolve_is_not_many_cuts() -> None:
    a, b = noise(4).astype(float), noise(5).astype(float)
    mixed = [(a * (1 - i / 20) + b * i / 20).astype(np.uint8) for i in range(21)]
    assert len(cuts(mixed)) <= 1


def test_size_changes_and_single_colours_do_no_harm() -> None:
    plain = [np.zeros((h, w, 3), np.uint8) for h, w in ((90, 160), (1, 1), (480, 640))]
    assert cuts(plain) == []


def test_finds_the_cuts_of_a_real_clip(data_dir: Path) -> None:
    with av.open(str(data_dir / "concert" / "clip.mp4")) as container:
        pictures = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    assert cuts(pictures) == [20, 82, 211]


def dissolving(pictures: list[np.ndarray], fps: float = 25.0) -> list[bool]:
    detector = DissolveDetector()
    return [detector.take(picture, i / fps, cut=False) for i, picture in enumerate(pictures)]


def test_a_dissolve_is_known_while_it_lasts_and_a_moment_after() -> None:
    a, b = noise(4)[:, :192].astype(float), noise(5)[:, :192].astype(float)
    mixed = [np.uint8(a * (1 - i / 25) + b * i / 25) for i in range(26)]
    found = dissolving([mixed[0]] * 10 + mixed + [mixed[-1]] * 20)
    assert not any(found[:11])
    assert all(found[20:36])
    assert not any(found[36 + round(25 * (HELD_S + 0.2)) :])


def test_a_fade_to_black_is_a_dissolve_and_a_pan_or_a_cut_is_none() -> None:
    picture = noise(3)
    assert any(dissolving([np.uint8(picture * (1 - i / 25)) for i in range(25)]))
    wide = cv2.GaussianBlur(np.concatenate([noise(i) for i in range(6)], axis=1), (0, 0), 6)
    assert not any(dissolving([wide[:, 24 * i : 24 * i + 320] for i in range(40)]))
    assert not any(dissolving([noise(1)] * 10 + [noise(2)] * 10))


def test_a_clock_that_goes_back_and_few_pictures_are_no_dissolve() -> None:
    detector = DissolveDetector()
    times = (0.0, 0.1, 0.2, 0.0, 0.1, 5.0, 9.0)
    levels = (0, 40, 80, 120, 160, 200, 240)
    made = zip(times, levels, strict=True)
    flat = [(t, np.full((54, 96, 3), level, np.uint8)) for t, level in made]
    assert [detector.take(picture, t, cut=False) for t, picture in flat].index(True) == 2
    assert not any(detector.take(picture, t, cut=True) for t, picture in flat)
