"""The tracks of the last seconds are decided together, and what viewers saw stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.bench.synthetic import SyntheticFaces
from edge.hindsight.late_names import LateNames
from edge.hindsight.recent import EVERY_S, RecentTrack, RecentTracks
from edge.recognise.evidence import TrackState
from edge.recognise.press_history import PressHistory
from edge.recognise.reidentify import KEPT_S, KEPT_TRACKS
from edge.recognise.scene import Face, Scene
from edge.recognise.step import Step, Tracked
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import Thresholds
from edge.recognise.track import Track
from edge.timeline.timeline import Interval
from engines.pipeline import unit
from engines.scores.model import score_model
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gallery.search.search import Gallery

MODEL = "sface-2021dec"
SCORES = score_model(MODEL)
BOX = np.array([10, 10, 90, 110], np.float32)


def make_gallery(folder: Path, people: range) -> Gallery:
    faces = SyntheticFaces(128)
    templates = faces.pictures(faces.identities(100), 0)[people.start :]
    records = [Person(f"p{n}", {"en": f"p{n}"}) for n in people]
    create_gallery(folder, records, templates, np.arange(len(people), dtype=np.int32), MODEL)
    return open_gallery(folder)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return make_gallery(tmp_path_factory.mktemp("gallery"), range(100))


@pytest.fixture
def views(gallery: Gallery) -> tuple[np.ndarray, np.ndarray]:
    """Return a frontal face of p0 and a profile that is like it, and names nobody by itself."""
    person = gallery.templates_of("p0")[0]
    aside = []
    for seed in (0, 1):
        direction = np.random.default_rng(seed).standard_normal(128).astype(np.float32)
        aside.append(unit(direction - (direction @ person) * person))
    other = unit(aside[0] + aside[1])
    return unit(0.8 * person + 0.6 * aside[0]), unit(0.25 * person + 0.968 * other)


def state(number: int, face: np.ndarray, at_s: float, *, quality: float = 0.5) -> TrackState:
    track = Track(number, BOX, at_s, at_s, 0.9, hits=5)
    made = TrackState(track, TrackTemplate(SCORES), 80.0, 0.1, 0.1, embedded_s=at_s)
    made.template.add(face, 11.0, quality, at_s)
    return made


class Programme:
    """Gives frames as the recogniser does; all tracks of a shot are on screen at once."""

    def __init__(self) -> None:
        self.recent = RecentTracks()
        self.scenes: list[Scene] = []
        self._shown: tuple[TrackState, ...] = ()

    def cut(
        self, at_s: float, *states: TrackState, said: Mapping[int, str] | None = None
    ) -> tuple[RecentTrack, ...] | None:
        names = said or {}
        faces = tuple(
            Face(n, (10, 10, 90, 110), names.get(n), 0.3, None if n in names else "profile")
            for n in (s.track.number for s in states)
        )
        shot = self.scenes[-1].shot + 1 if self.scenes else 0
        self.scenes.append(Scene(at_s, round(at_s * 25), 640, 360, shot, faces, 1))
        ended, self._shown = self._shown, states
        return self.recent.take(Step(self.scenes[-1], Tracked(), ended, {}, 0, states), at_s)


def late(gallery: Gallery) -> LateNames:
    return LateNames(Thresholds(0.01).prepare)


def named(found: Mapping[int, object]) -> dict[int, str]:
    return {number: d.id for number, d in found.items()}  # type: ignore[attr-defined]


def test_the_frontal_shot_names_the_profile_of_twenty_seconds_ago(
    gallery: Gallery, views: tuple[np.ndarray, np.ndarray]
) -> None:
    frontal, profile = views
    names, programme = late(gallery), Programme()
    first = programme.cut(0.0, state(0, profile, 0.0, quality=0.05))
    assert first is not None
    assert named(names.decide(first, gallery)) == {}
    programme.cut(2.0)
    tracks = programme.cut(20.0, state(1, frontal, 20.0))
    assert tracks is not None
    assert [(t.number, t.ended, t.seen) for t in tracks] == [
        (0, True, (Interval(0.0, 0.04),)),
        (1, False, (Interval(20.0, 20.04),)),
    ]
    assert named(names.decide(tracks, gallery)) == {0: "p0", 1: "p0"}


def test_a_press_lists_who_has_just_gone_by_the_late_name_and_who_is_there_without(
    gallery: Gallery, views: tuple[np.ndarray, np.ndarray]
) -> None:
    frontal, profile = views
    names, programme = late(gallery), Programme()
    history = PressHistory(gallery.person)
    programme.cut(0.0, state(1, frontal, 0.0), said={1: "p0"})
    tracks = programme.cut(4.0, state(2, profile, 4.0, quality=0.05))
    assert tracks is not None
    history.learn(names.decide(tracks, gallery))
    for scene in programme.scenes:
        history.push(scene)
    assert [u.why for u in history.press().unnamed] == ["profile"]  # who is there now
    programme.cut(5.0)
    history.push(programme.scenes[-1])
    [gone] = history.press().people
    assert (gone.id, gone.present, gone.track) == ("p0", "just_gone", 2)
    assert gone.probability > 0.5
    earlier = history.press(4.0)  # that shot is over
    assert [(p.id, p.present) for p in earlier.people] == [("p0", "now")]
    assert earlier.unnamed == ()


def test_what_viewers_saw_stays(gallery: Gallery, views: tuple[np.ndarray, np.ndarray]) -> None:
    frontal, profile = views
    for said, expected in (({0: "p9"}, {1: "p0"}), ({3: "p0"}, {1: "p0"}), ({0: "p0"}, {0, 1})):
        programme = Programme()
        stranger = state(3, unit(gallery.templates_of("p50")[0] - frontal), 0.0)
        programme.cut(0.0, state(0, profile, 0.0, quality=0.05), stranger, said=said)
        tracks = programme.cut(5.0, state(1, frontal, 5.0))
        assert tracks is not None
        found = {n: who for n, who in named(late(gallery).decide(tracks, gallery)).items() if n < 2}
        assert set(found) == set(expected), said


def test_a_name_is_kept_until_a_viewer_refuses_it_or_the_person_is_withdrawn(
    gallery: Gallery, views: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    frontal, profile = views
    names, programme = late(gallery), Programme()
    programme.cut(0.0, state(1, frontal, 0.0))
    tracks = programme.cut(20.0, state(2, profile, 20.0, quality=0.05))
    assert tracks is not None
    assert set(names.decide(tracks, gallery)) == {1, 2}
    alone = tracks[1:]  # the frontal shot is too long ago
    assert named(names.decide(alone, gallery))[2] == "p0"
    assert 2 not in names.decide(alone, gallery, [(profile, "p0")])
    assert set(names.decide(tracks, gallery)) == {1, 2}
    assert named(names.decide(tracks, make_gallery(tmp_path / "next", range(1, 100)))) == {}


def test_no_more_is_kept_than_for_faces_that_return(
    gallery: Gallery, views: tuple[np.ndarray, np.ndarray]
) -> None:
    frontal, _ = views
    programme = Programme()
    crowd = [state(n, frontal, 0.0) for n in range(2 * KEPT_TRACKS)]
    programme.cut(0.0, *crowd)
    tracks = programme.cut(EVERY_S)
    assert tracks is not None
    assert len(tracks) == KEPT_TRACKS
    tracks = programme.cut(2 * EVERY_S + KEPT_S, state(99, frontal, 2 * EVERY_S + KEPT_S))
    assert tracks is not None
    assert [t.number for t in tracks] == [99]
    poor = TrackState(Track(7, BOX, 0.0, 0.0, 0.9), TrackTemplate(SCORES), embedded_s=40.0)
    programme.cut(40.0, poor)
    tracks = programme.cut(41.0, state(100, frontal, 41.0))
    assert tracks is not None
    assert [t.number for t in tracks] == [99, 100]  # who tells nothing is not kept
    tracks = programme.cut(0.0, state(101, frontal, 0.0))  # the film begins again
    assert tracks is not None
    assert [t.number for t in tracks] == [101]


def test_a_track_that_was_lost_from_sight_is_not_told_of_from_before(
    views: tuple[np.ndarray, np.ndarray],
) -> None:
    """At two pictures a second a cut is missed at times, and one track is two people's."""
    programme, living = Programme(), state(1, views[0], 0.0)
    programme.cut(0.0, living)
    for at_s in (2.0, 2.2):
        living.embedded_s = at_s
        scene = Scene(at_s, 50, 640, 360, 0, programme.scenes[0].faces, 1)
        programme.recent.take(Step(scene, Tracked(), (), {}, 0, (living,)), at_s)
    tracks = programme.cut(4.0)
    assert tracks is not None
    [gone] = tracks
    assert gone.seen == (Interval(2.0, pytest.approx(2.24)),)


def test_a_copy_does_not_change_with_the_track(
    gallery: Gallery, views: tuple[np.ndarray, np.ndarray]
) -> None:
    frontal, profile = views
    programme, living = Programme(), state(1, frontal, 0.0)
    living.template.merge(state(0, profile, 0.0).template)
    tracks = programme.cut(0.0, living)
    assert tracks is not None
    living.template.add(profile, 11.0, 0.5, 0.1)
    living.displayed_id = "p3"
    living.track.last_s = 9.0
    [copy] = tracks
    assert (copy.state.template.count, copy.state.displayed_id) == (1, None)
    assert copy.state.track.last_s == 0.0
