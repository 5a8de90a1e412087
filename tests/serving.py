"""A real server on a free port, fed with scenes that a test makes; no model, no video."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge.recognise.press_history import Radar
from edge.recognise.scene import Candidate, Face, Scene
from edge.serve.http import Device, Server, create_app
from edge.serve.live import Hub
from edge.serve.preview import Preview
from edge.timeline.live import Appearing
from gallery.store.person import Person, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.serve.connections import Gate

SIZE = (640, 360)


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (40, 90, 140)).save(buffer, "JPEG")
    return buffer.getvalue()


PEOPLE = {
    p.id: p
    for p in (
        Person(
            "ada",
            {"en": "Ada Lovelace", "zh": "爱达·洛夫莱斯"},
            {"en": "Mathematician", "zh": "数学家"},
            {"en": "Wrote the first programme."},
            (Work({"en": "Notes", "zh": "笔记"}, 1843),),
            photo=photo(),
        ),
        Person("bob", {"en": "<script>alert(1)</script>"}, {"en": "Nobody"}),
        Person("eve", {"en": "Eve"}),
    )
}


class People:
    def person(self, person_id: str) -> Person | None:
        return PEOPLE.get(person_id)

    def release(self) -> int:
        return 3


class Feedback:
    def __init__(self) -> None:
        self.taken: list[tuple[int, str]] = []

    def refuse(self, track: int, person_id: str) -> bool:
        if person_id not in PEOPLE:
            return False
        self.taken.append((track, person_id))
        return True


def face(track: int, left: float, person: str | None, why: str | None = None) -> Face:
    candidates = (Candidate("ada", 0.61), Candidate("eve", 0.6)) if why == "ambiguous" else ()
    box = (left, 80.0, left + 100, 200.0)
    return Face(track, box, person, 0.6, why, candidates, 0.9)  # type: ignore[arg-type]


class Player:
    """A source of a minute that goes where it is asked to, unless `why_not` says otherwise."""

    duration_s = 60.0

    def __init__(self) -> None:
        self.why_not = ""
        self.sought: list[float] = []

    def position_s(self, pts_s: float) -> float | None:
        return pts_s

    def seek(self, to_s: float) -> None:
        self.sought.append(to_s)


class Device4Tests:
    """The device's outside, and what feeds it."""

    def __init__(
        self, *, preview: bool, token: str, hosts: frozenset[str], gate: Gate | None = None
    ) -> None:
        self.player = Player()
        self.appearing = Appearing()
        self.people = People()
        self.radar = Radar(self.people.person)
        self.hub = Hub(self.people)
        self.feedback = Feedback()
        self.preview = Preview() if preview else None
        self.presses = 0
        self.index = 0
        device = Device(
            self.radar,
            self.people,
            self.feedback,
            self.hub,
            preview=self.preview,
            player=self.player,
            appearing=self.appearing,
            on_press=self.count,
            ready=lambda: "" if self.index else "no frame yet",
            notice={"en": "composed", "zh": "合成"},
        )
        self.server = Server(create_app(device, hosts=hosts, token=token), gate=gate)
        self.url = self.server.url

    def count(self) -> None:
        self.presses += 1

    def show(self, *faces: Face, position_s: float | None = None) -> None:
        """Publish the next frame with these faces, from this place of the source."""
        self.index += 1
        scene = Scene(self.index / 25, self.index, *SIZE, 0, faces, 3)
        self.radar.push(scene)
        message = self.hub.publish(scene, position_s)
        if self.preview is not None:
            picture = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
            for one in faces:
                left, top, right, bottom = (round(v) for v in one.box)
                picture[top:bottom, left:right] = (40, 40, 220)
            self.preview.publish(picture, message)


@contextmanager
def serving(
    *,
    preview: bool = False,
    token: str = "",
    hosts: frozenset[str] = frozenset(),
    gate: Gate | None = None,
) -> Iterator[Device4Tests]:
    """Run a server for the time of a test."""
    device = Device4Tests(preview=preview, token=token, hosts=hosts, gate=gate)
    device.server.start()
    device.hub.publish_state("playing")
    try:
        yield device
    finally:
        device.server.stop()
