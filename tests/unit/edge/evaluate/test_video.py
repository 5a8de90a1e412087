"""The figures of made-up scenes, whose right values can be counted by hand."""

import pytest

from edge.evaluate.figures import Faces, VideoEvaluation
from edge.evaluate.labels import LabelledShot, Labels
from edge.evaluate.video import Observation, VideoEvaluator
from edge.recognise.scene import Face, Scene
from gallery.store.person import Person

PEOPLE = {i: Person(i, {"en": i}) for i in "abc"}
FPS = 10


def face(track: int, person: str | None) -> Face:
    why = None if person else "below_threshold"
    return Face(track, (0, 0, 50, 60), person, 0.6, why)  # type: ignore[arg-type]


def evaluated(names: list[list[tuple[int, str | None]]], *shots: LabelledShot) -> VideoEvaluation:
    """Evaluate frames, each a list of (track, name)."""
    labels = Labels(shots)
    evaluator = VideoEvaluator(labels, PEOPLE.get, PEOPLE)
    for i, shown in enumerate(names):
        faces = tuple(face(track, person) for track, person in shown)
        shot = labels.shot_of(i) or 0
        scene = Scene(i / FPS, i, 640, 360, shot, faces, 1)
        evaluator.take(scene, {track: Observation(50, 0.1, 0.03) for track, _ in shown})
    return evaluator.result()


def test_a_perfect_film_has_perfect_figures() -> None:
    found = evaluated([[(0, "a")]] * 10, LabelledShot(0, 9, ("a",)))
    assert (found.first.presses, found.first.exact_set, found.first.recall) == (10, 1.0, 1.0)
    assert (found.first.precision, found.false_names, found.flips) == (1.0, 0, 0)
    assert found.faces["side_px"] == {"48 to 96": Faces(10, 0, 0)}
    assert found.track_minutes == pytest.approx(0.9 / 60, abs=1e-4)


def test_a_wrong_name_costs_and_is_listed() -> None:
    found = evaluated([[(0, "a")]] * 9 + [[(0, "b")]], LabelledShot(0, 9, ("a",)))
    assert found.first.false_names == 1
    assert found.first.false_names_per_100 == 10.0
    assert (found.first.exact_set, found.first.precision) == (0.9, 0.9)
    assert found.flips == 1
    wrong = [(e.frame, e.named, e.visible) for e in found.errors if not e.refined]
    assert wrong == [(9, "b", ("a",))]
    # the refined answer carries the newest name back: the error was still to come
    assert found.refined.false_names > 1


def test_a_name_that_comes_and_goes_is_a_flip() -> None:
    said = ["a", None, "a", None, None, "a"]
    found = evaluated([[(0, s)] for s in said], LabelledShot(0, 5, ("a",)))
    assert found.flips == 2
    late = evaluated([[(0, s)] for s in (None, None, "a", "a")], LabelledShot(0, 3, ("a",)))
    assert late.flips == 0


def test_the_refined_answer_forgives_a_late_name() -> None:
    found = evaluated([[(0, None)], [(0, None)], *[[(0, "a")]] * 8], LabelledShot(0, 9, ("a",)))
    assert found.first.exact_set == 0.8
    assert found.first.unknown_rate == 0.2
    assert found.refined.exact_set == 1.0


def test_shots_with_a_note_and_empty_ones_are_counted_apart() -> None:
    found = evaluated(
        [[(0, "a")]] * 5 + [[(1, None)]] * 5 + [[]] * 5,
        LabelledShot(0, 4, ("a",)),
        LabelledShot(5, 9, ("b",), note="profile"),
        LabelledShot(10, 14, ()),
    )
    assert (found.first.presses, found.first.exact_set) == (5, 1.0)
    assert found.apart["profile"].first.exact_set == 0.0
    assert found.nobody.first.presses == 5


def test_who_has_just_gone_must_be_listed_for_a_second() -> None:
    shots = (LabelledShot(0, 9, ("a",)), LabelledShot(10, 29, ("b",)))
    found = evaluated([[(0, "a")]] * 10 + [[(1, "b")]] * 20, *shots)
    assert (found.just_gone.expected, found.just_gone.listed) == (11, 11)
    assert found.false_names == 0
    lost = evaluated([[(0, "a")]] * 2 + [[(0, None)]] * 8 + [[(1, "b")]] * 20, *shots)
    assert lost.just_gone.expected == 11
    assert lost.just_gone.listed == 11
    never = evaluated([[(0, None)]] * 10 + [[(1, "b")]] * 20, *shots)
    assert (never.just_gone.expected, never.just_gone.listed) == (11, 0)


def test_a_name_that_stays_on_over_a_cut_is_false() -> None:
    shots = (LabelledShot(0, 9, ("a",)), LabelledShot(10, 19, ("b",)))
    found = evaluated([[(0, "a")]] * 20, *shots)
    assert found.first.false_names == 10
    assert found.first.recall == 0.5


def test_labelled_people_who_are_not_enrolled_are_strangers() -> None:
    found = evaluated([[(0, None)]] * 5, LabelledShot(0, 4, ("zoe",)))
    assert found.first.presses == 0
    assert found.nobody.first.presses == 5
