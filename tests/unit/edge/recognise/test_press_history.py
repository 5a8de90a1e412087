import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recognise.press_history import KEPT_S, LOOK_BACK_S, PressHistory
from edge.recognise.scene import Candidate, Face, Scene
from edge.video.age import FRESH_S
from gallery.store.person import Person

PEOPLE = {i: Person(i, {"en": i.upper(), "zh": i}) for i in "abc"}


def face(track: int, person: str | None, why: str | None = None, x: float = 0) -> Face:
    score = 0.6 if person else 0.2
    return Face(track, (x, 0, x + 50, 60), person, score, why)  # type: ignore[arg-type]


def scene(pts_s: float, *faces: Face, shot: int = 0) -> Scene:
    return Scene(pts_s, int(pts_s * 25), 640, 360, shot, faces, 1)


def history(*scenes: Scene) -> PressHistory:
    made = PressHistory(PEOPLE.get)
    for one in scenes:
        made.push(one)
    return made


def test_lists_who_is_on_screen_and_who_has_just_gone() -> None:
    made = history(
        scene(1.0, face(0, "a")), scene(2.0, face(1, "b"), face(2, None, "profile"), shot=1)
    )
    answer = made.press()
    assert [(p.id, p.present) for p in answer.people] == [("b", "now"), ("a", "just_gone")]
    assert answer.people[1].seen_s == 1.0
    assert answer.people[1].box is None
    assert [u.why for u in answer.unnamed] == ["profile"]
    assert answer.people[0].names == {"en": "B", "zh": "b"}


def test_tells_what_a_caption_says_while_it_stands_there() -> None:
    made = history(*(scene(i / 2, face(0, "a")) for i in range(20)))
    for pts_s, texts in ((1.0, ("Ana Ruiz",)), (2.0, ("Ana Ruiz",)), (3.0, ()), (7.0, ("Ed Low",))):
        made.texts.put(pts_s, texts)
    told = {at_s: made.press(at_s).texts for at_s in (0.5, 1.0, 2.9, 3.0, 4.0, 7.5, 9.0, 9.5)}
    assert told == {0.5: (), 1.0: ("Ana Ruiz",), 2.9: ("Ana Ruiz",), 3.0: (), 4.0: ()} | {
        7.5: ("Ed Low",), 9.0: ("Ed Low",), 9.5: ()  # nobody has read since
    }  # fmt: skip
    assert made.refine(made.press(9.0)).texts == ("Ed Low",)
    made.texts.put(0.0, ("Ada Sim",))  # the clock went back
    assert made.texts.at(9.0) == ()
    now = [0.0]
    lost = PressHistory(PEOPLE.get, lambda: now[0])
    lost.push(scene(1.0))
    lost.texts.put(1.0, ("Ana Ruiz",))
    now[0] = FRESH_S + 0.1
    assert lost.press().texts == ()  # there is no picture any more


def test_forgets_who_left_long_ago() -> None:
    made = history(scene(1.0, face(0, "a")), scene(1.1 + LOOK_BACK_S, face(1, "b"), shot=1))
    assert [p.id for p in made.press().people] == ["b"]


def test_answers_for_a_moment_in_the_past() -> None:
    made = history(*(scene(i / 5, face(0, "a" if i < 10 else "b")) for i in range(20)))
    assert [p.id for p in made.press(1.0).people] == ["a"]
    assert {p.id for p in made.press(3.0).people} == {"a", "b"}


def test_one_person_is_listed_once() -> None:
    made = history(scene(1.0, face(0, "a")), scene(1.5, face(3, "a"), shot=1))
    assert [(p.id, p.present) for p in made.press().people] == [("a", "now")]


def test_the_refined_answer_knows_what_came_later() -> None:
    made = history(scene(1.0, face(0, None, "below_threshold")))
    first = made.press()
    assert (first.people, first.refined) == ((), False)
    made.push(scene(1.2, face(0, "a")))
    refined = made.refine(first)
    assert (refined.press, refined.refined, refined.pts_s) == (first.press, True, first.pts_s)
    assert [p.id for p in refined.people] == ["a"]


def test_the_refined_answer_knows_a_face_that_was_too_new_to_be_shown() -> None:
    """Right after a cut nothing is shown yet: a track is shown from its second sighting on."""
    made = history(scene(1.0, face(0, "b")), scene(1.04, shot=1))
    first = made.press()
    for i in range(2, 12):
        made.push(scene(1.0 + i / 25, face(1, "a"), shot=1))
    made.push(scene(1.5, face(1, "a"), face(2, "c"), shot=1))
    assert [(p.id, p.present) for p in first.people] == [("b", "just_gone")]
    refined = made.refine(first)
    assert [(p.id, p.present) for p in refined.people] == [("a", "now"), ("b", "just_gone")]


def test_the_refined_answer_keeps_the_order_of_the_first() -> None:
    made = history(scene(1.0, face(0, "a"), face(1, "b")))
    first = made.press()
    made.push(scene(1.04, face(1, "b")))
    assert [p.id for p in made.refine(first).people] == [p.id for p in first.people] == ["a", "b"]


def test_the_refined_answer_takes_nobody_from_the_next_shot() -> None:
    made = history(scene(1.0, face(0, "a")))
    first = made.press()
    made.push(scene(1.04, face(1, "b"), shot=1))
    assert [p.id for p in made.refine(first).people] == ["a"]


def test_a_rounded_time_still_means_its_frame() -> None:
    made = history(scene(0.6, face(0, "a")), scene(20 / 29.97, face(1, "b"), shot=1))
    first = made.press()
    assert first.pts_s < 20 / 29.97 or first.pts_s == round(20 / 29.97, 4)
    assert [p.id for p in made.refine(first).people if p.present == "now"] == ["b"]
    assert [p.id for p in made.press(0.6673).people if p.present == "now"] == ["b"]


def test_look_alikes_are_answered_as_a_or_b() -> None:
    both = (Candidate("a", 0.6), Candidate("b", 0.59))
    one = msgspec.structs.replace(face(0, None, "ambiguous"), candidates=both)
    (ambiguous,) = history(scene(1.0, one)).press().ambiguous
    assert [c.id for c in ambiguous.candidates] == ["a", "b"]


def test_a_person_whom_the_gallery_lost_is_left_out() -> None:
    assert history(scene(1.0, face(0, "gone"))).press().people == ()


def test_nothing_seen_is_an_empty_answer() -> None:
    assert history().press().people == ()
    assert history().press(4.0).pts_s == 4.0


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.none() | st.floats(-10, 200))
def test_any_clock_and_any_moment_give_an_answer(times: list[float], at_s: float | None) -> None:
    made = history(*(scene(t, face(0, "a")) for t in times))
    answer = made.press(at_s)
    assert len(answer.people) <= 1
    kept = made._scenes
    assert kept[-1].pts_s - kept[0].pts_s <= KEPT_S


class Clock:
    """Goes on by hand."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def dying(clock: Clock) -> PressHistory:
    """Return what was seen of a source that shows a, and ends."""
    made = PressHistory(PEOPLE.get, clock)
    for i in range(5):
        made.push(scene(i / 5, face(0, "a")))
    return made


def test_after_the_last_picture_a_name_is_gone_and_soon_not_told() -> None:
    clock = Clock()
    made = dying(clock)
    assert [(p.id, p.present) for p in made.press().people] == [("a", "now")]
    assert made.on_screen() == 1
    clock.s += FRESH_S + 0.1
    answer = made.press()
    assert [(p.id, p.present, p.seen_s, p.box) for p in answer.people] == [
        ("a", "just_gone", FRESH_S + 0.1, None)
    ]
    assert answer.pts_s == 0.8 + FRESH_S + 0.1
    assert answer.picture_age_s == FRESH_S + 0.1
    assert made.on_screen() == 0
    clock.s += 0.5
    assert made.press().people == ()
    clock.s += 3600
    assert made.press().people == ()
    assert made.refine(answer).people == ()


def test_the_moment_of_a_first_answer_can_still_be_asked_about_for_a_while() -> None:
    clock = Clock()
    made = dying(clock)
    first = made.press()
    clock.s += 5
    assert [(p.id, p.present) for p in made.refine(first).people] == [("a", "now")]
    assert [p.id for p in made.press(0.4).people] == ["a"]
    assert made.press(99.0).people == ()  # a time to come is now
    clock.s += KEPT_S
    assert made.press(0.4).people == ()
    assert not made._scenes


def test_a_moment_without_a_picture_shows_nobody() -> None:
    made = history(scene(1.0, face(0, "a")), scene(8.0, face(1, "b"), shot=1))
    assert made.press(5.0).people == ()
    assert [p.present for p in made.press(1.0 + FRESH_S + 0.2).people] == ["just_gone"]


def test_a_long_press_goes_back_from_now_not_from_the_last_picture() -> None:
    clock = Clock()
    made = dying(clock)
    assert made.moment_s(0.5) == pytest.approx(0.3)
    clock.s += 4
    assert made.moment_s(2.0) == pytest.approx(2.8)
    assert history().moment_s(1.0) is None


def test_a_picture_that_comes_late_is_as_old_as_it_is() -> None:
    clock = Clock()
    made = PressHistory(PEOPLE.get, clock)
    made.push(scene(1.0, face(0, "a")), clock() - 5)
    assert made.press().people == ()
    assert made.age_s() == 5
    assert history().press().picture_age_s is None
