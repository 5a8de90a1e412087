"""Feed the real server with the demonstration's programme and its known truth; no model runs.

    python tools/overlay_dev.py [--port 8765] [--plain]        watch it, change the overlay, reload
    python tools/overlay_screenshots.py FOLDER                 every state, two sizes, two languages

The programme is the one that `tvradar demo` composes. Its strangers are shown as unnamed faces, one
of them as "A or B", so that every state of the page is seen. Names come from the truth and not from
recognition: pictures made here say nothing about accuracy.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

from edge.demo.compose import prepare
from edge.recognise.commands import FaceCopy
from edge.recognise.press_history import PressHistory
from edge.recognise.scene import Candidate, Face, Scene
from edge.serve.http import Device, Server, create_app
from edge.serve.live import Hub
from edge.serve.naming import Naming
from edge.serve.preview import Preview
from edge.serve.stills import Stills
from edge.timeline.live import Appearing
from edge.video.frame import Frame
from engines.files import cache_dir
from gallery.store.person import read_person_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from edge.recognise.commands import WhyNot
    from gallery.store.person import Person

NOTICE = {
    "en": "Development session: names are the programme's known truth, nothing is recognised here.",
    "zh": "开发会话:名字来自节目的已知真值,此处未作识别。",
}


class People:
    """The demonstration's people."""

    def __init__(self, folder: Path) -> None:
        self._people = {p.name: self._read(p) for p in sorted(folder.iterdir()) if p.is_dir()}

    def _read(self, folder: Path) -> Person:
        import msgspec

        person = read_person_file(folder)
        picture = next(p for p in sorted(folder.iterdir()) if p.suffix.lower() in {".jpg", ".png"})
        bgr = cv2.imread(str(picture))
        assert bgr is not None
        small = cv2.resize(bgr, None, fx=200 / bgr.shape[1], fy=200 / bgr.shape[1])
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
        return msgspec.structs.replace(person, photo=jpeg)

    def person(self, person_id: str) -> Person | None:
        return self._people.get(person_id)

    def release(self) -> int:
        return 1


class Feedback:
    """Says what was refused."""

    def refuse(self, track: int, person_id: str) -> bool:
        print(f"refused: track {track} is not {person_id}", file=sys.stderr)
        return True

    def allow(self, track: int, person_id: str) -> bool:
        print(f"taken back: track {track} is {person_id}", file=sys.stderr)
        return True


class Player:
    """Plays the programme; `play` goes where it was asked to."""

    def __init__(self, duration_s: float) -> None:
        self.duration_s: float | None = duration_s
        self.why_not = ""
        self.to_s: float | None = None
        self.can_restart = False

    def restart(self) -> None:
        self.to_s = 0.0

    def seek(self, to_s: float) -> None:
        self.to_s = to_s

    def position_s(self, pts_s: float) -> float:
        return pts_s


class Session:
    """A device whose recogniser is the truth."""

    def __init__(self, port: int, *, preview: bool, naming: Path | None = None) -> None:
        material = prepare(cache_dir())
        self.video_path = material.video_path
        self.truth: dict[str, Any] = json.loads(material.truth_path.read_text())
        self.faces: dict[int, list[dict[str, Any]]] = {}
        for one in self.truth["faces"]:
            self.faces.setdefault(one["frame"], []).append(one)
        self._tracks: dict[tuple[str, int], int] = {}
        people = People(material.people_dir)
        self.history = PressHistory(people.person)
        self.hub = Hub(people)
        self.preview = Preview() if preview else None
        fps = self.truth["fps"]
        self.player = Player(max(self.faces) / fps)
        self.stills = Stills(self.player)
        self._newest: tuple[Scene, NDArray[np.uint8]] | None = None
        self.appearing = Appearing()
        for index in sorted(self.faces):
            named = {f["id"] for f in self.faces[index] if f["id"] and f["opacity"] > 0.5}
            self.appearing.push(named, index / fps)
        device = Device(
            self.history,
            people,
            Feedback(),
            self.hub,
            preview=self.preview,
            stills=self.stills if preview else None,
            naming=Naming(self, naming) if naming else None,
            notice=NOTICE,
            player=self.player,
            appearing=self.appearing,
        )
        self.server = Server(create_app(device), port=port)

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield number and picture, uint8 (height, width, 3) BGR."""
        with av.open(str(self.video_path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                yield index, frame.to_ndarray(format="bgr24")  # type: ignore[misc]

    def scene(self, index: int, kind: str = "") -> Scene:
        """Return the scene of a frame, as the truth has it."""
        shot = sum(index >= s["first"] for s in self.truth["shots"]) - 1
        seen = [f for f in self.faces.get(index, []) if f["opacity"] > 0.5]
        found = [self._face(one, shot, kind=kind) for one in seen]
        size = self.truth["width"], self.truth["height"]
        return Scene(index / self.truth["fps"], index, *size, shot, tuple(found), 1)

    def _face(self, one: dict[str, Any], shot: int, *, kind: str = "") -> Face:
        track = self._tracks.setdefault((one["person"], shot), len(self._tracks) + 1)
        left, top, right, bottom = one["box"]
        box = (left, top, right, bottom)
        if kind == "scanning":
            return Face(track, box, None, 0.0, None)
        if one["id"] and not kind:
            return Face(track, box, one["id"], 0.6, None)
        if kind == "either":
            pair = tuple(Candidate(i, 0.4) for i in self.truth["people"][:2])
            return Face(track, box, None, 0.4, "ambiguous", pair)
        return Face(track, box, None, 0.2, "below_threshold")

    def ask_face(self, track: int) -> Future[FaceCopy | WhyNot]:
        """Copy a face out of the newest picture, without a template that means anything."""
        found: Future[FaceCopy | WhyNot] = Future()
        scene, bgr = self._newest or (None, None)
        face = next((f for f in scene.faces if f.track == track), None) if scene else None
        if face is None or bgr is None:
            found.set_result("gone")
            return found
        left, top, right, bottom = (max(0, round(v)) for v in face.box)
        jpeg = cv2.imencode(".jpg", bgr[top:bottom, left:right])[1].tobytes()
        vector = np.full(128, 128**-0.5, np.float32)
        found.set_result(FaceCopy(track, vector, jpeg, "sface-2021dec"))
        return found

    def publish(self, scene: Scene, bgr: NDArray[np.uint8]) -> None:
        """Show a scene and its picture."""
        self._newest = scene, bgr
        self.history.push(scene)
        message = self.hub.publish(scene, scene.index / self.truth["fps"])
        if self.preview is not None:
            self.preview.publish(Frame(bgr, scene.pts_s, scene.index, 0), message)


def play(session: Session) -> None:
    """Play the programme in a loop, at its own speed, from where it was last asked to."""
    fps, first = session.truth["fps"], 0
    while True:
        begun = time.monotonic() - first / fps
        session.hub.publish_state("playing")
        for index, bgr in session.frames():
            if session.player.to_s is not None:
                break
            if index >= first:
                session.publish(session.scene(index), bgr)
                time.sleep(max(0.0, begun + index / fps - time.monotonic()))
        first = round((session.player.to_s or 0.0) * fps)
        session.player.to_s = None


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="no preview: a transparent overlay")
    options = parser.parse_args()
    session = Session(options.port, preview=not options.plain)
    session.server.start()
    print(session.server.url, flush=True)
    try:
        threading.Thread(target=play, args=(session,), daemon=True).start()
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        session.server.stop()


if __name__ == "__main__":
    main()
