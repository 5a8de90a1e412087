"""Group photographs, posters, passers-by: the face that the other pictures agree on, or none."""

import msgspec
import numpy as np
import pytest

from engines.scores.model import score_model
from gallery.enrol.choose import choose_faces
from gallery.enrol.labels import judge
from gallery.enrol.people import EmbeddedPerson, OtherFace, PictureRef, Sample
from gallery.store.person import Person

SFACE = score_model("sface-2021dec").labels

DIMENSION = 128


class Faces:
    """Random people, whose pictures have a cosine of about 0.6 with each other."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._people: dict[str, np.ndarray] = {}

    def of(self, who: str) -> np.ndarray:
        centre = self._people.setdefault(who, self._unit(self._rng.normal(size=DIMENSION)))
        return self._unit(centre + 0.8 * self._unit(self._rng.normal(size=DIMENSION)))

    @staticmethod
    def _unit(vector: np.ndarray) -> np.ndarray:
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def person(seed: int, *shown: str, sides: tuple[float, ...] = (100, 90, 80, 70)) -> EmbeddedPerson:
    """Somebody whose pictures show the people named by letters, largest first."""
    faces = Faces(seed)
    samples = []
    for n, letters in enumerate(shown):
        first, *others = (
            OtherFace(faces.of(who).tobytes(), 0.5, who.encode(), side)
            for who, side in zip(letters, sides, strict=False)
        )
        samples.append(
            Sample(
                PictureRef(f"{n}.jpg", f"/{n}.jpg"),
                f"{n}",
                first.vector,
                first.quality,
                first.photo,
                first.side_px,
                others[0].side_px if others else 0.0,
                tuple(others),
            )
        )
    return EmbeddedPerson(Person("x", {"en": "x"}), tuple(samples), ())


@pytest.mark.parametrize(
    ("shown", "enrolled"),
    [
        (("a", "a", "ba"), "aaa"),  # the group photograph's largest face is somebody else's
        (("a", "a", "bca"), "aaa"),
        (("a", "ba"), "aa"),
        (("a", "a", "bc"), "aa-"),  # the person is not on it
        (("a", "bc"), "a-"),
        (("ba", "ca", "ad"), "aaa"),  # no picture of the person alone
        (("ba", "ca", "de"), "aa-"),
        (("ab", "ab"), "--"),  # always the same two
        (("ab", "ba", "ab"), "---"),
        (("ab",), "-"),
        (("ab", "cd"), "--"),
        (("a", "a", "b", "ca"), "aaba"),  # whose picture is wrong is judged later
    ],
)
def test_the_face_that_the_others_agree_on_is_taken(shown: tuple[str, ...], enrolled: str) -> None:
    for seed in range(20):
        found = choose_faces(person(seed, *shown), SFACE)
        photos = {s.picture.name: s.photo.decode() for s in found.samples}
        assert "".join(photos.get(f"{n}.jpg", "-") for n in range(len(shown))) == enrolled
        assert [p.path for p in found.rejected] == [
            f"{n}.jpg" for n, who in enumerate(enrolled) if who == "-"
        ]
        assert all("faces" in p.reason for p in found.rejected)


def test_what_was_chosen_is_flagged_and_the_largest_was_not_averaged_in() -> None:
    for seed in range(20):
        faces = choose_faces(person(seed, "a", "a", "ba"), SFACE)
        judged = judge(faces, SFACE)
        assert [p.status for p in judged.report.pictures] == ["used", "used", "flagged"]
        assert "2 faces; the one like the other pictures" in judged.report.pictures[2].reason
        assert judged.template is not None
        others = Faces(seed)
        known = {who: np.mean([others.of(who) for _ in range(20)], axis=0) for who in "ab"}
        # "b" is made after "a" there, too: the same people.
        assert judged.template @ known["a"] > 0.5
        assert judged.template @ known["b"] < 0.3


def test_a_picture_of_one_with_people_far_behind_is_of_the_one() -> None:
    found = choose_faces(person(0, "ab", sides=(300, 100)), SFACE)
    assert [s.photo for s in found.samples] == [b"a"]
    (report,) = judge(found, SFACE).report.pictures
    assert (report.status, report.reason) == ("flagged", "2 faces; the largest by far is taken")


def test_a_blurred_face_in_front_makes_a_picture_one_of_several() -> None:
    one = person(0, "a").samples[0]
    crowded = msgspec.structs.replace(one, rival_px=400.0)
    found = choose_faces(EmbeddedPerson(Person("x", {"en": "x"}), (crowded,), ()), SFACE)
    assert found.samples == ()
    assert "2 faces of like size" in found.rejected[0].reason
