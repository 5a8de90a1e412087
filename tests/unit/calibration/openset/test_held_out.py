"""What a track expects of strangers, and promises measured on people that taught nothing."""

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.openset.held_out import TrackSearches, held_out_rates, learn
from edge.recognise.template import TrackTemplate
from engines.pipeline import unit
from engines.scores.model import score_model

SFACE = score_model("sface-2021dec")
FACE_MEAN, FACE_SLOPE = SFACE.tracks.face_mean, SFACE.tracks.face_slope
NORM_REFERENCE = SFACE.tracks.norm_reference

PEOPLE, TRACKS, FACES = 14, 1400, 6


@pytest.fixture(scope="module")
def searches() -> TrackSearches:
    """Tracks of made-up people whose faces share a direction and differ by noise of their own."""
    rng = np.random.default_rng(5)
    shared = unit(rng.normal(size=256))
    people = unit(0.36 * shared + unit(rng.normal(size=(PEOPLE, 256))))
    truth = np.arange(TRACKS) % PEOPLE
    looks = unit(rng.normal(size=(TRACKS, 256)))
    noise = unit(rng.normal(size=(TRACKS, FACES, 256)))
    size = rng.uniform(0.3, 0.9, (TRACKS, 1, 1))
    own = unit(0.36 * shared + looks)[:, None, :] * 0.6 + people[truth][:, None, :]
    faces = unit(unit(own) + size * noise).astype(np.float32)
    weights = rng.uniform(0.2, 1.0, (TRACKS, FACES))
    weights /= weights.sum(axis=1, keepdims=True)
    length = np.linalg.norm((faces * weights[..., None]).sum(axis=1), axis=1)
    norms = 12.5 - 4 * np.broadcast_to(size[..., 0], (TRACKS, FACES))
    return TrackSearches(truth, faces @ people.T.astype(np.float32), norms, weights, length)


def test_faces_that_differ_make_a_template_more_like_strangers(searches: TrackSearches) -> None:
    model = learn(searches, np.arange(PEOPLE), SFACE)
    strangers = np.arange(PEOPLE)[None, :] != searches.truth[:, None]
    scores = np.where(strangers, searches.scores(), np.nan)
    order = np.argsort(searches.length)
    single = np.where(strangers[:, None, :], searches.faces, np.nan)
    for group in np.array_split(order, 3):
        measured, expected = (
            np.nanmean(scores[group]),
            model.expected(searches, SFACE)[group].mean(),
        )
        assert expected == pytest.approx(measured, abs=0.006)
        assert measured > np.nanmean(single[group]) + 0.005  # what the prior of one face misses


def test_a_track_expects_what_its_faces_and_their_likeness_say() -> None:
    norms, weights = np.array([12.5, 10.5]), np.array([3.0, 1.0])
    faces = FACE_MEAN - FACE_SLOPE * 2 / 4
    assert SFACE.expected_of_tracks(norms, weights, 1.0) == pytest.approx(faces)
    assert SFACE.expected_of_tracks(norms, weights, 0.8) == pytest.approx(faces / 0.8)
    assert SFACE.expected_of_tracks(norms, weights, 0.01) == pytest.approx(faces / 0.5)
    assert SFACE.expected_of_tracks(np.array([1.0]), np.ones(1), 1.0) >= FACE_MEAN - 6 * FACE_SLOPE


def test_the_template_tells_its_length_at_a_time_and_overall() -> None:
    rng = np.random.default_rng(1)
    one, other = unit(rng.normal(size=(2, 128)).astype(np.float32))
    alike, unlike = TrackTemplate(SFACE), TrackTemplate(SFACE)
    for i in range(4):
        alike.add(one, NORM_REFERENCE, 0.9, 0.1 * i)
        unlike.add(unit(one + 0.8 * other) if i % 2 else one, NORM_REFERENCE, 0.9, 0.1 * i)
    assert alike.impostor_mean() == pytest.approx(FACE_MEAN)
    assert unlike.impostor_mean() > 1.05 * FACE_MEAN
    unlike.add(one, NORM_REFERENCE, 0.9, 60.0)  # the others have lost all their weight by then
    assert unlike.impostor_mean(60.0) == pytest.approx(FACE_MEAN, rel=0.01)


def test_the_promise_is_kept_on_people_that_taught_nothing(searches: TrackSearches) -> None:
    rates, looser = held_out_rates(searches, 6, 7, [(0.02, None), (0.2, None)], SFACE)
    assert rates.shape == (PEOPLE,)
    assert 0.004 < rates.mean() < 0.06
    assert looser.mean() > 3 * rates.mean()


@pytest.mark.parametrize(("learned", "size"), [(2, 5), (8, 6)])
def test_says_when_there_are_too_few_people(
    searches: TrackSearches, learned: int, size: int
) -> None:
    with pytest.raises(CalibrationError, match="14 people"):
        held_out_rates(searches, learned, size, [(0.01, None)], SFACE)
