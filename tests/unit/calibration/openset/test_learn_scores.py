"""A score model learned from some people keeps its promise on others."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.openset.check_scores import check
from calibration.openset.composed import ComposedTracks
from calibration.openset.learn_scores import learn, probes_of_tracks
from calibration.openset.score_data import Faces, embed, half_of, halves
from calibration.pictures.faces import Picture
from edge.recognise.template import TrackTemplate
from engines.pipeline import unit
from engines.scores.model import ScoreModel, shipped_score_model

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = shipped_score_model("sface-2021dec")
PEOPLE = 500
PICTURES = 4
TRACKS = 200
FACES = 6


def population(cone: float, seed: int = 0, dimension: int = 96) -> Faces:
    """Return people around one direction: the narrower the cone, the higher strangers score."""
    rng = np.random.default_rng(seed)
    centre = unit(rng.standard_normal(dimension).astype(np.float32))
    own = rng.standard_normal((PEOPLE, dimension)).astype(np.float32)
    own = unit(cone * centre + unit(own))

    def pictures(of: np.ndarray, noise: float) -> np.ndarray:
        chance = unit(rng.standard_normal((*of.shape[:-1], dimension)).astype(np.float32))
        return unit(of + noise * chance)

    person = np.array([f"p{n}" for n in np.repeat(np.arange(PEOPLE), PICTURES)], np.str_)
    stills = pictures(np.repeat(own, PICTURES, axis=0), 0.7)
    whose = rng.permutation(PEOPLE)[:TRACKS]
    faces = pictures(np.repeat(own[whose][:, None], FACES, axis=1), 0.9)
    shape = (TRACKS, FACES)
    tracks = ComposedTracks(
        np.array([f"p{n}" for n in whose], np.str_),
        faces,
        rng.uniform(8, 13, shape).astype(np.float32),
        rng.uniform(0.1, 0.9, shape).astype(np.float32),
        np.full(shape, 60, np.float32),
    )
    return Faces(person, stills, rng.uniform(10, 14, len(person)).astype(np.float32), tracks)


@pytest.fixture(scope="module", params=[0.3, 2.0])
def taught(request: pytest.FixtureRequest) -> tuple[Faces, ScoreModel]:
    faces = population(request.param)
    return faces, learn(halves(faces)[0], faces, KNOWN)


def test_the_promise_holds_on_the_people_who_taught_nothing(
    taught: tuple[Faces, ScoreModel],
) -> None:
    faces, model = taught
    rows = check(model, halves(faces)[1], faces, (0.05, 0.01))
    assert {row.kind for row in rows} == {"pictures", "tracks"}
    for row in rows:
        assert row.named[1] <= 1.5 * row.promised
        assert row.right[0] > 0.5


def test_another_models_scores_would_not_do(taught: tuple[Faces, ScoreModel]) -> None:
    """The check tells: with the deviation of strangers halved, the promise is broken."""
    faces, model = taught
    stills = model.stills
    narrow = dataclasses.replace(
        stills.cosines,
        impostor_sd=stills.cosines.impostor_sd / 2,
        genuine_sd=stills.cosines.genuine_sd * 2,
    )
    names = msgspec.structs.replace(model.names, lowest=0.0)
    wrong = msgspec.structs.replace(
        model, stills=msgspec.structs.replace(stills, cosines=narrow), names=names
    )
    row = check(wrong, halves(faces)[1], faces, (0.01,))[0]
    assert row.named[1] > 0.015


def test_strangers_are_where_they_were_put(taught: tuple[Faces, ScoreModel]) -> None:
    faces, model = taught
    half = halves(faces)[0]
    others = half.stills.others[half.stills.others > -1]
    assert model.impostor_mean == pytest.approx(float(others.mean()), abs=1e-6)
    assert model.stills.cosines.genuine_mean > model.impostor_mean + 3 * model.impostor_sd
    # between one person's pictures and strangers, in this order
    same, names = model.same, model.names
    assert model.impostor_mean < same.jump < same.disagree < same.reidentify < 1
    assert model.impostor_mean < names.lowest < model.stills.cosines.genuine_mean
    assert float((others > model.labels.agree).mean()) < 0.002
    assert msgspec.json.decode(msgspec.json.encode(model), type=ScoreModel) == model


def test_norms_that_tell_nothing_rule_nobody_out(taught: tuple[Faces, ScoreModel]) -> None:
    _, model = taught
    assert (model.stills.norm_slope, model.names.futile_norm) == (0.0, 0.0)
    assert model.norm_weight(8.0) == model.norm_weight(13.0) == 1.0


def test_tracks_templates_are_those_of_the_recogniser(taught: tuple[Faces, ScoreModel]) -> None:
    faces, model = taught
    half = halves(faces)[1]
    probes, expected = probes_of_tracks(model, half, faces.tracks)
    row = half.tracks[3]
    template = TrackTemplate(model)
    for k in range(FACES):
        vector, norm = faces.tracks.vectors[row, k], float(faces.tracks.norms[row, k])
        template.add(vector, norm, float(faces.tracks.overall[row, k]), 0.0)
    assert np.allclose(probes.scores[3], half.templates @ template.overall(), atol=1e-5)
    assert expected[3] == pytest.approx(template.impostor_mean(), abs=1e-6)


def test_nobody_is_in_both_halves(taught: tuple[Faces, ScoreModel]) -> None:
    first, second = halves(taught[0])
    assert not set(first.people) & set(second.people)
    assert {half_of(str(p)) for p in first.people} == {0}
    assert len(first.people) + len(second.people) == PEOPLE


class NoFace:
    """A detector to which pictures are empty."""

    def detect_pyramid(self, _: np.ndarray) -> list[object]:
        return []


class Blind:
    """A pipeline that finds nobody."""

    detector = NoFace()


def test_too_few_people_teach_nothing(tmp_path: Path) -> None:
    pictures = [Picture(tmp_path / "none.jpg", "a", "0")]
    with pytest.raises(CalibrationError, match="faces of 0 people"):
        embed(Blind(), pictures)  # type: ignore[arg-type]
