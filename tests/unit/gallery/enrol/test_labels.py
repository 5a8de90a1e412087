"""Pictures under wrong labels: dropped where the others say so, flagged where nobody can tell."""

import numpy as np
import pytest

from engines.scores.model import score_model
from gallery.enrol.few import few_pictures, what_few_cost
from gallery.enrol.labels import Judged, compare_people, judge, settle
from gallery.enrol.people import EmbeddedPerson, PersonReport, PictureRef, PictureReport, Sample
from gallery.store.person import Person

SFACE = score_model("sface-2021dec").labels

DIMENSION = 128


class Faces:
    """Random people, whose pictures have a cosine of about 0.6 with each other."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(4)
        self._people: dict[str, np.ndarray] = {}

    def of(self, who: str) -> np.ndarray:
        centre = self._people.setdefault(who, self._unit(self._rng.normal(size=DIMENSION)))
        return self._unit(centre + 0.8 * self._unit(self._rng.normal(size=DIMENSION)))

    @staticmethod
    def _unit(vector: np.ndarray) -> np.ndarray:
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def embedded(faces: Faces, label: str, shown: str) -> EmbeddedPerson:
    """Somebody whose pictures show, in turn, the people named by each letter."""
    samples = tuple(
        Sample(PictureRef(f"{n}.png", f"/{n}.png"), f"{n}", faces.of(who).tobytes(), 0.5, b"")
        for n, who in enumerate(shown)
    )
    return EmbeddedPerson(Person(label, {"en": label}), samples, ())


def reported(count: int, *reasons: str) -> PersonReport:
    """Somebody with so many good pictures, and flagged ones."""
    good = [PictureReport(f"{n}.png", "used") for n in range(count)]
    flagged = [PictureReport(f"f{n}.png", "flagged", why) for n, why in enumerate(reasons)]
    return PersonReport("p", enrolled=bool(count), pictures=(*good, *flagged))


@pytest.mark.parametrize(
    ("report", "pictures"),
    [
        (reported(0), None),
        (reported(1), 1),
        (reported(2), 2),
        (reported(3), None),
        (reported(1, "nearly the same picture as 0.png", "nearly the same picture as 0.png"), 1),
        (reported(2, "the pictures agree poorly"), None),
    ],
)
def test_who_has_fewer_than_three_different_pictures_is_told(
    report: PersonReport, pictures: int | None
) -> None:
    assert [one.pictures for one in few_pictures([report])] == ([pictures] if pictures else [])


def test_what_few_pictures_cost_is_told_in_numbers() -> None:
    assert what_few_cost([]) == ""
    told = what_few_cost(few_pictures([reported(1), reported(2), reported(5)]))
    assert told.startswith("2 people have fewer than 3 pictures, 1 of them a single one")
    assert "75 with 1, 90 with 2, 92 with 3" in told


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ("aaa", "012"),
        ("aab", "01"),
        ("abaca", "024"),
        ("aabcd", "01"),  # no picture agrees with most others, but two with each other
        ("aaabb", "012"),
        ("aaabbcd", "012"),
        ("abcd", ""),  # nothing agrees with anything: a mean of four people is none of them
        ("ab", ""),
        ("aabb", ""),  # half and half
        ("aabbc", ""),
        ("aaabbb", ""),
        ("aaabb" + "c", "012"),
        ("a", "0"),
        ("", ""),
    ],
)
def test_the_pictures_that_agree_are_kept(shown: str, kept: str) -> None:
    for seed in range(20):
        faces = Faces()
        faces._rng = np.random.default_rng(seed)
        found = judge(embedded(faces, "x", shown), SFACE)
        assert "".join(map(str, found.kept)) == kept
        assert found.report.enrolled is bool(kept)
        doubtful = {p.path for p in found.report.pictures if p.status == "rejected"}
        assert doubtful == {f"{n}.png" for n in range(len(shown)) if str(n) not in kept}
        assert (found.template is None) is not bool(kept)
        if found.template is not None:
            assert np.linalg.norm(found.template) == pytest.approx(1, abs=1e-5)


def compared(people: list[EmbeddedPerson]) -> tuple[list[Judged], list[tuple[str, str]]]:
    judged = [judge(person, SFACE) for person in people]
    ids = [p.person.id for p, j in zip(people, judged, strict=True) if j.kept]
    templates = np.stack([j.template for j in judged if j.template is not None])
    places = np.cumsum([bool(j.kept) for j in judged]) - 1
    places[[not j.kept for j in judged]] = -1
    pairs = []
    for part in ([*enumerate(people)][:2], [*enumerate(people)][2:]):
        pairs += compare_people(part, judged, ids, templates, places, SFACE)
        for n, person in part:
            if not judged[n].kept:
                judged[n] = settle(person, ids, templates, SFACE) or judged[n]
    return judged, [(pair.a, pair.b) for pair in pairs]


def test_a_picture_of_somebody_else_is_dropped_where_another_person_settles_it() -> None:
    faces = Faces()
    # Two pictures that differ: alone, nobody can tell which of them is wrong.
    people = [
        embedded(faces, "ann", "ab"),
        embedded(faces, "bob", "bbb"),
        embedded(faces, "cid", "ccc"),
    ]
    assert judge(people[0], SFACE).kept == ()
    judged, pairs = compared(people)
    assert judged[0].kept == (0,)
    assert [p.status for p in judged[0].report.pictures] == ["flagged", "rejected"]
    assert "looks like bob" in judged[0].report.pictures[1].reason
    assert judged[0].template == pytest.approx(np.frombuffer(people[0].samples[0].vector, "<f4"))
    assert judged[1].kept == judged[2].kept == (0, 1, 2)
    assert pairs == []


def test_one_person_under_two_ids_is_told_and_loses_no_picture() -> None:
    faces = Faces()
    judged, pairs = compared(
        [embedded(faces, i, s) for i, s in [("a1", "aaaaa"), ("a2", "aaaaa"), ("b", "bbbbb")]]
    )
    assert pairs == [("a1", "a2")]
    assert [j.kept for j in judged] == [(0, 1, 2, 3, 4)] * 3


def test_a_lone_picture_of_somebody_else_is_flagged_and_kept() -> None:
    faces = Faces()
    judged, _ = compared(
        [embedded(faces, i, s) for i, s in [("a", "b"), ("b", "bbbbb"), ("c", "ccc")]]
    )
    assert judged[0].kept == (0,)
    (picture,) = judged[0].report.pictures
    assert picture.status == "flagged"
    assert "looks like b" in picture.reason
