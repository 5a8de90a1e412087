"""A real server on a free port, fed with scenes that a test makes; no model, no video."""

from __future__ import annotations

import io
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edge.errors import SourceError
from edge.recognise.commands import FaceCopy
from edge.recognise.press_history import PressHistory
from edge.recognise.scene import Candidate, Face, Scene
from edge.serve.http import Device, Server, create_app
from edge.serve.live import Hub
from edge.serve.naming import Naming
from edge.serve.pairing import Pairing
from edge.serve.preview import Preview
from edge.serve.stills import Stills
from edge.timeline.live import Appearing
from edge.titles.messages import Playing
from edge.video.frame import Frame
from gallery.store.person import Person, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from edge.recognise.commands import WhyNot
    from edge.serve.connections import Gate
    from edge.titles.messages import TitleRequest
    from gallery.titles.title import TitleSource

SIZE = (640, 360)
REPEAT_S = 0.1


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
    def __init__(self, people: Mapping[str, Person]) -> None:
        self._people = people

    def person(self, person_id: str) -> Person | None:
        return self._people.get(person_id)

    def release(self) -> int:
        return 3


class Feedback:
    def __init__(self, people: Mapping[str, Person]) -> None:
        self._people = people
        self.taken: list[tuple[int, str]] = []

    def refuse(self, track: int, person_id: str) -> bool:
        if person_id not in self._people:
            return False
        self.taken.append((track, person_id))
        return True

    def allow(self, track: int, person_id: str) -> bool:
        if (track, person_id) not in self.taken:
            return False
        self.taken.remove((track, person_id))
        return True


def face(track: int, left: float, person: str | None, why: str | None = None) -> Face:
    candidates = (Candidate("ada", 0.61), Candidate("eve", 0.6)) if why == "ambiguous" else ()
    box = (left, 80.0, left + 100, 200.0)
    return Face(track, box, person, 0.6, why, candidates, 0.9)  # type: ignore[arg-type]


class Faces:
    """Copies the face of every track up to 90; the 91st is poor, all others are gone."""

    def ask_face(self, track: int) -> Future[FaceCopy | WhyNot]:
        found: Future[FaceCopy | WhyNot] = Future()
        vector = np.random.default_rng(track).standard_normal(128).astype(np.float32)
        face = FaceCopy(track, vector / np.linalg.norm(vector), photo(), "sface-2021dec")
        found.set_result("poor" if track == 91 else "gone" if track > 91 else face)
        return found


class Titles:
    """Knows what plays."""

    def __init__(self, title: str) -> None:
        self.now = Playing(title, "request")

    def request(self, _request: TitleRequest, _source: TitleSource = "request") -> Playing:
        return self.now


class Player:
    """A source of a minute that goes where it is asked to, unless `why_not` says otherwise."""

    duration_s = 60.0

    def __init__(self) -> None:
        self.why_not = ""
        self.sought: list[float] = []
        self.can_restart = False
        self.restarts = 0

    def restart(self) -> None:
        if not self.can_restart:
            raise SourceError("film", "it cannot be started again", "a file at its end")
        self.restarts += 1

    def position_s(self, pts_s: float) -> float | None:
        return pts_s

    def seek(self, to_s: float) -> None:
        self.sought.append(to_s)


class Device4Tests:
    """The device's outside, and what feeds it."""

    def __init__(
        self,
        *,
        preview: bool,
        token: str,
        hosts: frozenset[str],
        gate: Gate | None = None,
        people: Mapping[str, Person] = PEOPLE,
        title: str = "",
        frame_ancestors: tuple[str, ...] = (),
        naming: Path | None = None,
        phone: bool = False,
    ) -> None:
        self.player = Player()
        self.appearing = Appearing()
        self.people = People(people)
        self.history = PressHistory(self.people.person)
        self.hub = Hub(self.people)
        self.feedback = Feedback(people)
        self.preview = Preview() if preview else None
        self.stills = Stills(self.player) if preview else None
        self.presses = 0
        self.index = 0
        self.shot = 0
        self.dissolves = False
        self._shown: tuple[tuple[Face, ...], float | None] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        device = Device(
            self.history,
            self.people,
            self.feedback,
            self.hub,
            preview=self.preview,
            stills=self.stills,
            player=self.player,
            appearing=self.appearing,
            on_press=self.count,
            ready=lambda: "" if self.index else "no frame yet",
            notice={"en": "composed", "zh": "合成"},
            titles=Titles(title) if title else None,
            naming=Naming(Faces(), naming) if naming else None,
            pairing=Pairing() if phone else None,
        )
        app = create_app(device, hosts=hosts, token=token, frame_ancestors=frame_ancestors)
        self.server = Server(app, gate=gate)
        self.url = self.server.url

    def count(self) -> None:
        self.presses += 1

    def show(self, *faces: Face, position_s: float | None = None) -> None:
        """Publish the next frame with these faces, and go on with them as a programme does."""
        with self._lock:
            self._shown = faces, position_s
            self._publish(faces, position_s)

    def freeze(self) -> None:
        """Send no further frame, as a source that has died."""
        with self._lock:
            self._shown = None

    def cut(self) -> None:
        """Begin the next shot with the next frame."""
        self.shot += 1

    def play(self) -> None:
        """Repeat the newest frame until the end, as no source shows one picture for ever."""
        while not self._over.wait(REPEAT_S):
            with self._lock:
                if self._shown is not None:
                    self._publish(*self._shown)

    def stop(self) -> None:
        """End the programme and the server."""
        self._over.set()
        self.server.stop()

    def _publish(self, faces: tuple[Face, ...], position_s: float | None) -> None:
        self.index += 1
        scene = Scene(self.index / 25, self.index, *SIZE, self.shot, faces, 3, "", self.dissolves)
        self.history.push(scene)
        message = self.hub.publish(scene, position_s)
        if self.preview is not None:
            picture = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
            for one in faces:
                left, top, right, bottom = (round(v) for v in one.box)
                picture[top:bottom, left:right] = (40, 40, 220)
            self.preview.publish(Frame(picture, 0.0, 0, 0), message)


@contextmanager
def serving(
    *,
    preview: bool = False,
    token: str = "",
    hosts: frozenset[str] = frozenset(),
    gate: Gate | None = None,
    playing: bool = False,
    people: Mapping[str, Person] = PEOPLE,
    title: str = "",
    frame_ancestors: tuple[str, ...] = (),
    naming: Path | None = None,
    phone: bool = False,
) -> Iterator[Device4Tests]:
    """Run a server for the time of a test; `playing` goes on with what was shown last."""
    device = Device4Tests(
        preview=preview,
        token=token,
        hosts=hosts,
        gate=gate,
        people=people,
        title=title,
        frame_ancestors=frame_ancestors,
        naming=naming,
        phone=phone,
    )
    device.server.start()
    device.hub.publish_state("playing")
    programme = threading.Thread(target=device.play, daemon=True)
    if playing:
        programme.start()
    try:
        yield device
    finally:
        device.stop()
        if playing:
            programme.join()
