"""Scenes and presses on MQTT without a broker: what is taken, what is told, what is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from edge.home.events import MAX_COMMAND, REPEAT_S, MqttEvents, SceneEvent
from edge.recognise.scene import Face, Scene
from edge.video.age import FRESH_S
from gallery.channel.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator


class Desk:
    """Events that are never started, a clock, and the presses that were handed over."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.presses: list[float | None] = []
        self.events = MqttEvents(
            Broker("127.0.0.1", 1), "tv", self.presses.append, clock=lambda: self.now_s
        )

    def press(self, payload: bytes) -> None:
        self.events._pressed_s = 0.0  # as long after the one before
        self.events._take(("tvradar/tv/press", payload))

    def show(self, *people: str | None, pts_s: float = 1.0, at_s: float | None = None) -> None:
        faces = tuple(
            Face(i, (0, 0, 9, 9), person, 0.61234, None if person else "too_small")
            for i, person in enumerate(people)
        )
        scene = Scene(pts_s, int(25 * pts_s), 640, 360, 0, faces, 3)
        self.events.scene(scene, str.title, at_s)

    def told(self) -> SceneEvent:
        assert self.events._told
        return msgspec.json.decode(self.events._told.payload, type=SceneEvent)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.events._scenes.close()
    made.events.link.close()


@pytest.mark.parametrize(
    ("payload", "moment"),
    [(b"", None), (b"PRESS", None), (b"{}", None), (b'{"at": 12.5}', 12.5)],
)
def test_presses_are_handed_over(desk: Desk, payload: bytes, moment: float | None) -> None:
    desk.press(payload)
    assert desk.presses == [moment]
    assert desk.events.ignored == 0


@pytest.mark.parametrize(
    "payload",
    [b"press", b"[]", b'{"at": "now"}', b'{"gallery": "x"}', b"\xff\xfe", b" " * (MAX_COMMAND + 1)],
)
def test_anything_else_is_counted_and_forgotten(desk: Desk, payload: bytes) -> None:
    desk.press(payload)
    assert desk.presses == []
    assert desk.events.ignored == 1


def test_a_flood_of_presses_is_one(desk: Desk) -> None:
    desk.press(b"PRESS")
    for _ in range(50):
        desk.events._take(("tvradar/tv/press", b"PRESS"))
    assert len(desk.presses) == 1
    assert desk.events.ignored == 50


def test_a_scene_says_who_and_how_many_without_a_name(desk: Desk) -> None:
    desk.show("lin", None, "ada", None)
    told = desk.told()
    assert told.names == "Ada, Lin"
    assert [(p.id, p.score) for p in told.people] == [("ada", 0.612), ("lin", 0.612)]
    assert (told.unknown, told.release, told.picture) == (2, 3, True)
    desk.show(None)
    assert desk.told().names == "nobody known"


def test_the_bytes_stay_the_same_while_nothing_changes(desk: Desk) -> None:
    desk.show("lin", pts_s=1.0)
    before = desk.events._told
    desk.now_s += 0.5
    desk.show("lin", pts_s=1.5)
    after = desk.events._told
    assert before is not None
    assert after is not None
    assert after.payload == before.payload
    assert after.at_s == before.at_s + 0.5
    desk.show("lin", None, pts_s=2.0)
    assert desk.told().pts_s == 2.0


def test_it_wakes_when_what_was_told_becomes_old(desk: Desk) -> None:
    assert desk.events._wait_s() == REPEAT_S
    desk.show("lin", at_s=desk.now_s - FRESH_S + 0.2)
    assert desk.events._wait_s() == pytest.approx(0.21)
    desk.now_s += 10
    assert desk.events._wait_s() == REPEAT_S
