import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.recognise.scene import Candidate, Face, Scene
from edge.serve.live import Hub
from edge.video.age import FRESH_S
from gallery.store.person import Person


class People:
    """Everybody is known, by a name as long as asked for, in many languages."""

    def __init__(self, length: int) -> None:
        self._length = length
        self.asked = 0

    def person(self, person_id: str) -> Person | None:
        self.asked += 1
        name = "名" * self._length
        return Person(person_id, dict.fromkeys(("en", "zh", "zh-Hant", "fr", "ja"), name))

    def release(self) -> int:
        return 1


def face(track: int, left: float, size: float, person: str | None) -> Face:
    box = (left, 10.0, left + size, 10.0 + size)
    if person is not None:
        return Face(track, box, person, 0.512345, None)
    pair = (Candidate("a" * 40, 0.4), Candidate("b" * 40, 0.4), Candidate("c", 0.1))
    return Face(track, box, None, 0.4, "ambiguous", pair)


def scene(*faces: Face, release: int = 1) -> Scene:
    return Scene(12345.678912, 309000, 3840, 2160, 812, faces, release)


@given(
    named=st.integers(0, 60),
    either=st.integers(0, 30),
    length=st.integers(1, 300),
    id_length=st.integers(1, 120),
)
def test_a_scene_is_under_two_kilobytes_whatever_is_in_it(
    named: int, either: int, length: int, id_length: int
) -> None:
    faces = [face(1000 + i, 20.0 * i, 50, f"{i:0{id_length}}") for i in range(named)]
    faces += [face(2000 + i, 20.0 * i, 50, None) for i in range(either)]
    sent = Hub(People(length)).publish(scene(*faces))
    assert len(sent) < 2048
    message = json.loads(sent)
    assert len(message["faces"]) + message["more"] == len(faces)
    for one in message["faces"]:
        for person in [one.get("id"), *one.get("candidates", [])]:
            short_of_room = len(sent) + length * 30 + id_length > 1900
            assert person is None or person in message["names"] or short_of_room


def test_who_is_there_comes_before_long_names() -> None:
    faces = [face(i, 20.0 * i, 50, f"person_{i}") for i in range(14)]
    message = json.loads(Hub(People(300)).publish(scene(*faces)))
    assert (len(message["faces"]), message["more"]) == (14, 0)
    assert 0 < len(message["names"]) < 14


def test_ten_named_people_fit() -> None:
    faces = [face(i, 20.0 * i, 50, f"person_{i}") for i in range(10)]
    message = json.loads(Hub(People(5)).publish(scene(*faces)))
    assert (len(message["faces"]), message["more"]) == (10, 0)


def test_named_and_large_faces_come_first() -> None:
    small = face(1, 0, 20, "small")
    large = face(2, 100, 200, "large")
    nobody = Face(3, (0.0, 0.0, 900.0, 900.0), None, 0.0, "below_threshold")
    message = json.loads(Hub(People(3)).publish(scene(nobody, small, large)))
    assert [one["track"] for one in message["faces"]] == [2, 1, 3]
    assert message["faces"][2] == {"track": 3, "box": [0, 0, 900, 900], "why": "below_threshold"}


def test_names_are_asked_for_once_in_a_release() -> None:
    people = People(3)
    hub = Hub(people)
    for _ in range(5):
        hub.publish(scene(face(1, 0, 50, "ada")))
    assert people.asked == 1
    hub.publish(scene(face(1, 0, 50, "ada"), release=2))
    assert people.asked == 2
    # Made again, a gallery may have the number that it had.
    again = msgspec.structs.replace(scene(face(1, 0, 50, "ada"), release=2), gallery="another")
    hub.publish(again)
    assert people.asked == 3


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        ({"en": "A", "fr": "B", "zh-Hant": "C"}, {"en": "A", "zh-Hant": "C"}),
        ({"fr": "B", "ja": "D"}, {"fr": "B"}),
    ],
)
def test_only_the_overlays_languages_are_sent(names: dict[str, str], sent: dict[str, str]) -> None:
    class One(People):
        def person(self, person_id: str) -> Person | None:
            return Person(person_id, names)

    message = json.loads(Hub(One(1)).publish(scene(face(1, 0, 50, "ada"))))
    assert message["names"] == {"ada": sent}


def test_an_old_scene_has_no_faces() -> None:
    now = [10.0]
    hub = Hub(People(5), lambda: now[0])
    assert hub.newest == b""
    sent = hub.publish(scene(face(1, 20, 50, "a")), 7.5)
    assert hub.newest is sent
    now[0] += FRESH_S + 0.1
    stale = json.loads(hub.newest)
    assert (stale["faces"], stale["names"], stale["stale"]) == ([], {}, True)
    assert (stale["frame"], stale["position_s"]) == (309000, 7.5)
    assert json.loads(sent)["faces"]
    assert "stale" not in json.loads(sent)
    hub.publish(scene(face(1, 20, 50, "a")), at_s=now[0] - 60)  # it waited in a buffer
    assert json.loads(hub.newest)["faces"] == []
