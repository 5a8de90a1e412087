"""Galleries whose people are alike in their own ways: strangers spread further there."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import ScoreError
from engines.pipeline import unit
from engines.scores.model import score_model
from engines.scores.spread import (
    PEOPLE,
    WIDEST,
    WIDEST_OF_TRACKS,
    deviation,
    doubt,
    spread,
    widening,
)

SFACE = score_model("sface-2021dec")
MEAN, SD = SFACE.enrolled_mean, SFACE.enrolled_sd
USUAL = round(((1 - MEAN) / SD) ** 2)
"""So many dimensions of chance give the usual deviation."""
NARROW = 73
"""And so many one that is 19 % wider."""


def faces(count: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Return people with the usual mean cosine, float32 (count, dimensions + 1)."""
    chance = np.random.default_rng(seed).standard_normal((count, dimensions))
    own = np.sqrt(1 - MEAN) * chance / np.linalg.norm(chance, axis=1, keepdims=True)
    return np.hstack([np.full((count, 1), np.sqrt(MEAN)), own]).astype(np.float32)


@pytest.mark.parametrize(("dimensions", "times"), [(USUAL, 1.0), (NARROW, 1.19)])
def test_many_people_tell_how_far_cosines_spread(dimensions: int, times: float) -> None:
    assert spread(faces(PEOPLE, dimensions, 0), SD) == pytest.approx(times, abs=0.02)


def test_a_few_people_are_hardly_believed() -> None:
    of = [abs(spread(faces(count, NARROW, 1), SD) - 1) for count in (1, 2, 3, 12)]
    assert of[:2] == [0.0, 0.0]
    assert max(of) < 0.06


def test_people_who_are_enrolled_twice_move_nothing() -> None:
    people = faces(200, USUAL, 2)
    twice = np.concatenate([people, unit(people[:20] + 0.02)])
    assert spread(twice, SD) == pytest.approx(spread(people, SD), abs=0.01)


def test_the_usual_spread_is_measured_in_the_same_way_where_cosines_are_not_normal() -> None:
    kinds = np.repeat([1.0, -1.0, 0.0], 200)[:, None]
    odd = unit(np.hstack([faces(PEOPLE, NARROW, 8), 0.6 * kinds]).astype(np.float32))
    cosines = (odd @ odd.T)[np.triu_indices(PEOPLE, 1)]
    assert deviation(cosines) > 1.05 * float(cosines.std())
    assert spread(odd, deviation(cosines)) == pytest.approx(1.0, abs=1e-6)


def test_what_neighbours_have_told_is_not_counted_again() -> None:
    people = faces(PEOPLE, NARROW, 3)
    assert 1 < widening(people, SD, PEOPLE, 0.01) < spread(people, SD)
    assert widening(people[:1], SD, 1, 0.01) == 1.0
    with pytest.raises(ScoreError, match="fpir"):
        widening(people, SD, PEOPLE, 0.0)


def named(gallery: NDArray[np.float32], strangers: NDArray[np.float32], *, aware: bool) -> float:
    """Return the share of strangers who pass the threshold of a promised 1 %."""
    people = len(gallery)
    model = SFACE.for_gallery(gallery[:PEOPLE], people, 0.01) if aware else SFACE
    threshold = model.cosines(stills=True).threshold(people, 0.01)
    alike = -np.sort(-(gallery @ gallery.T), axis=1)[:, 2:10]
    found = strangers @ gallery.T
    count = 0
    for row in found:
        order = np.argsort(-row)[:9]
        crowding = model.crowding(
            row[order[1:]].tolist(), alike[order[0]].tolist(), people, stills=True,
            impostor_mean=None,
        )  # fmt: skip
        count += row[order[0]] >= threshold + crowding
    return count / len(strangers)


def test_pictures_keep_their_promise_where_people_spread_further() -> None:
    gallery, strangers = faces(300, NARROW, 4), faces(4000, NARROW, 5)
    assert named(gallery, strangers, aware=False) > 0.015
    assert 0.003 < named(gallery, strangers, aware=True) < 0.015


def test_a_small_gallery_of_people_who_spread_further_keeps_its_promise() -> None:
    """Ten people cannot tell their kind: the threshold takes it to be a wide one."""
    wide = round(USUAL / WIDEST**2)
    rng = np.random.default_rng(7)
    usual = SFACE.cosines(stills=True).threshold(10, 0.003)
    needed = SFACE.threshold(10, 0.003, stills=True)
    of, before, now = 0, 0, 0
    for seed in range(40):
        best = (faces(2000, wide, 100 + seed) @ faces(10, wide, rng.integers(1 << 30)).T).max(1)
        of, before, now = of + 2000, before + (best >= usual).sum(), now + (best >= needed).sum()
    assert before / of > 0.0045 > now / of > 0.0015


def test_the_fewer_people_the_more_is_in_doubt() -> None:
    of = [doubt(people, 0.003) for people in (1, 10, 50, 100, 1_000_000)]
    assert of == sorted(of, reverse=True)
    assert of[0] == pytest.approx(WIDEST, abs=0.001)
    assert of[-1] == pytest.approx(1, abs=0.001)
    with pytest.raises(ScoreError, match="fpir"):
        doubt(10, 0.0)


def test_tracks_take_the_doubt_but_not_the_spread() -> None:
    model = SFACE.for_gallery(faces(300, NARROW, 6), 300, 0.01)
    assert model.tracks == SFACE.tracks
    cosines = SFACE.tracks.cosines
    usual = [cosines.threshold(people, 0.003) for people in (10, 1_000_000)]
    needed = [model.threshold(people, 0.003, stills=False) for people in (10, 1_000_000)]
    assert (needed[0] - cosines.impostor_mean) / (usual[0] - cosines.impostor_mean) > 1.03
    assert doubt(1, 0.003, stills=False) == pytest.approx(WIDEST_OF_TRACKS, abs=0.001)
    assert needed[1] == pytest.approx(usual[1], abs=0.001)


def test_a_gallery_of_nobody_is_all_doubt() -> None:
    """A release may remove everybody: a device goes on, and names nobody."""
    assert doubt(0, 0.01) == pytest.approx(WIDEST, abs=0.001)
    assert SFACE.threshold(0, 0.01, stills=False) > SFACE.cosines(stills=False).impostor_mean
