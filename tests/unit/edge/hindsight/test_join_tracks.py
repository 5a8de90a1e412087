"""Tracks of one person in different shots say one thing together; those of two people never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.hindsight.join_tracks import FinishedTrack, decide_film, join
from edge.recognise.cues.cue import Evidence
from edge.recognise.decide import Claim, decide
from edge.recognise.search import search
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import policy_for
from edge.titles.filmography import Filmography
from engines.pipeline import unit
from engines.scores.model import score_model
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gallery.search.search import Gallery

MODEL = "sface-2021dec"
SCORES = score_model(MODEL)
PEOPLE = 100


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    faces = SyntheticFaces(128)
    people = [Person(f"p{n}", {"en": f"p{n}"}) for n in range(PEOPLE)]
    templates = faces.pictures(faces.identities(PEOPLE), 0)
    create_gallery(folder, people, templates, np.arange(PEOPLE, dtype=np.int32), MODEL)
    return open_gallery(folder)


def aside(*templates: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return a direction that has nothing in common with these."""
    direction = np.random.default_rng(seed).standard_normal(128)
    basis, _ = np.linalg.qr(np.stack(templates).T)
    return unit((direction - basis @ (basis.T @ direction)).astype(np.float32))


def at(score: float, template: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return a face with this cosine to a template, and the rest along a direction."""
    return unit((score * template + np.sqrt(1 - score**2) * direction).astype(np.float32))


def track(
    gallery: Gallery,
    number: int,
    face: np.ndarray,
    *,
    quality: float = 0.5,
    norm: float = 11.0,
    beside: tuple[int, ...] = (),
    evidence: tuple[Evidence, ...] = (),
) -> FinishedTrack:
    template = TrackTemplate(SCORES)
    template.add(face, norm, quality, 0.0)
    found = search(gallery, face[None])[0]
    claim = Claim(
        number, found, 90, 0.1, 0.1, norm, None, template.impostor_mean(), evidence=evidence
    )
    return FinishedTrack(claim, template, frozenset(beside))


def names(tracks: list[FinishedTrack], gallery: Gallery) -> dict[int, str | None]:
    policy = policy_for(gallery, 0.003, stills=False)
    return {number: d.id for number, d in decide_film(tracks, gallery, policy).items()}


@pytest.fixture
def person(gallery: Gallery) -> np.ndarray:
    return gallery.templates_of("p0")[0]


def test_the_frontal_shot_names_the_profile_shot(gallery: Gallery, person: np.ndarray) -> None:
    frontal = at(0.8, person, aside(person))
    profile = at(0.25, person, unit(aside(person) + aside(person, seed=1)))
    tracks = [track(gallery, 3, profile, quality=0.05), track(gallery, 7, frontal)]
    assert profile @ frontal >= SCORES.same.reidentify
    assert names(tracks[:1], gallery) == {3: None}
    assert names(tracks, gallery) == {3: "p0", 7: "p0"}


def test_two_faces_in_one_frame_are_two_people(gallery: Gallery, person: np.ndarray) -> None:
    face = at(0.8, person, aside(person))
    tracks = [track(gallery, 0, face, beside=(1,)), track(gallery, 1, face, beside=(0,))]
    assert join(tracks) == [[0], [1]]
    assert sorted(map(str, names(tracks, gallery).values())) == ["None", "p0"]


def test_whoever_is_named_in_another_shot_is_not_the_stranger_beside_them(
    gallery: Gallery, person: np.ndarray
) -> None:
    """A poor view of somebody stands beside a stranger who scores a little better."""
    policy = policy_for(gallery, 0.003, stills=False)
    frontal = at(0.8, person, aside(person))
    poor = at(0.3, person, unit(aside(person) + aside(person, seed=1)))
    stranger = at(policy.threshold + 0.1, person, aside(person, aside(person), seed=2))
    tracks = [
        track(gallery, 0, frontal),
        track(gallery, 1, poor, quality=0.05, beside=(2,)),
        track(gallery, 2, stranger, quality=0.1, beside=(1,)),
    ]
    alone = decide([t.claim for t in tracks[1:]], policy)
    assert (alone[1].id, alone[2].id) == (None, "p0")
    assert names(tracks, gallery) == {0: "p0", 1: "p0", 2: None}


def test_constraints_hold_for_all_who_joined(gallery: Gallery, person: np.ndarray) -> None:
    """Of three like faces two were on screen at once: the third joins one of them only."""
    face, near = at(0.8, person, aside(person)), at(0.8, person, aside(person, seed=1))
    tracks = [
        track(gallery, 0, face),
        track(gallery, 1, face, beside=(2,)),
        track(gallery, 2, unit(face + 0.9 * near), beside=(1,)),
    ]
    groups = {frozenset(group) for group in join(tracks)}
    assert not any({1, 2} <= group for group in groups)


def test_a_face_that_is_like_two_people_joins_neither(gallery: Gallery, person: np.ndarray) -> None:
    first, second = aside(person), aside(person, aside(person), seed=1)
    between = unit(first + 0.95 * second)
    tracks = [
        track(gallery, 0, first, beside=(1,)),
        track(gallery, 1, second, beside=(0,)),
        track(gallery, 2, between),
    ]
    assert float(between @ first) > SCORES.same.reidentify
    assert join(tracks) == [[0], [1], [2]]
    alone = [tracks[0], tracks[2]]
    assert join(alone) == [[0, 1]]


def test_poor_faces_are_not_compared(gallery: Gallery, person: np.ndarray) -> None:
    face = at(0.8, person, aside(person))
    poor = SCORES.names.futile_norm - 0.1
    assert join([track(gallery, n, face, norm=poor) for n in range(3)]) == [[0], [1], [2]]


def test_what_a_cue_says_of_one_shot_holds_for_the_person(
    gallery: Gallery, person: np.ndarray
) -> None:
    caption = (Evidence("title", {"p0": 6.0}),)
    face = at(0.3, person, aside(person))
    tracks = [track(gallery, 0, face), track(gallery, 1, face, evidence=caption)]
    policy = policy_for(gallery, 0.003, stills=False)
    found = decide_film(tracks, gallery, policy)
    assert found[0].spoke == found[1].spoke
    assert names([tracks[0]], gallery) == {0: None}


def test_who_is_surely_named_names_a_colleague_who_is_hard_to_see(
    gallery: Gallery, person: np.ndarray
) -> None:
    """p1 and p2 are surely seen; all three act in one film, which nobody says is playing."""
    sure = [gallery.templates_of(f"p{n}")[0] for n in (1, 2)]
    weak = at(0.39, person, aside(person, *sure, seed=2))
    tracks = [
        track(gallery, 0, at(0.8, sure[0], aside(*sure, person))),
        track(gallery, 1, at(0.8, sure[1], aside(*sure, person, seed=1))),
        track(gallery, 2, weak, norm=9.0),
    ]
    film = frozenset({"p0", "p1", "p2"})
    works = Filmography([film, *(frozenset({f"p{n}"}) for n in range(50))], PEOPLE)
    asked: list[set[str]] = []

    def supposed(llr: Mapping[str, float]) -> Mapping[str, float]:
        asked.append(set(llr))
        return works.expected(dict.fromkeys(llr, 0.99))

    policy = policy_for(gallery, 0.003, stills=False)
    assert decide_film(tracks, gallery, policy)[2].id is None
    found = decide_film(tracks, gallery, policy, supposed)
    assert {n: d.id for n, d in found.items()} == {0: "p1", 1: "p2", 2: "p0"}
    assert [s.kind for s in found[2].spoke] == ["face", "title"]
    assert asked == [{"p1", "p2"}]
    told = [*tracks, track(gallery, 3, weak, evidence=(Evidence("title", {"p9": 3.0}),))]
    decide_film(told, gallery, policy, supposed)
    assert len(asked) == 1  # a title that is told is believed


def test_tracks_that_were_never_embedded_stay_by_themselves(gallery: Gallery) -> None:
    empty = FinishedTrack(Claim(5, (), 20, 0.1, 0.1, 0.0), TrackTemplate(SCORES), frozenset())
    policy = policy_for(gallery, 0.003, stills=False)
    assert decide_film([empty], gallery, policy)[5].why == "too_small"
    assert decide_film([], gallery, policy) == {}


def test_a_long_film_is_joined_in_no_time(gallery: Gallery) -> None:
    """3,000 tracks of 100 people: every one joins its own."""
    rng = np.random.default_rng(0)
    people = unit(rng.standard_normal((PEOPLE, 128)).astype(np.float32))
    whose = rng.integers(0, PEOPLE, 3000)
    faces = unit(people[whose] + 0.05 * rng.standard_normal((3000, 128)).astype(np.float32))
    claim = Claim(0, (), 90, 0.1, 0.1, 11.0)
    tracks = []
    for face in faces:
        template = TrackTemplate(SCORES)
        template.add(face, 11.0, 0.5, 0.0)
        tracks.append(FinishedTrack(claim, template, frozenset()))
    groups = join(tracks)
    assert len(groups) == len(set(whose.tolist()))
    assert all(len(set(whose[group].tolist())) == 1 for group in groups)
