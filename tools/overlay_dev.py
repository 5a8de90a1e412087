"""Feed the real server with the demonstration's programme and its known truth; no model runs.

    python tools/overlay_dev.py [--port 8765] [--plain]        watch it, change the overlay, reload
    python tools/overlay_dev.py --screenshots FOLDER           every state, two sizes, two languages

The programme is the one that `tvradar demo` composes. Its strangers are shown as unnamed faces, one
of them as "A or B", so that every state of the page is seen. Names come from the truth and not from
recognition: pictures made here say nothing about accuracy.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2

from edge.demo.compose import prepare
from edge.recognise.radar import Radar
from edge.recognise.scene import Candidate, Face, Scene
from edge.serve.http import Device, Server, create_app
from edge.serve.live import Hub
from edge.serve.preview import Preview
from engines.fetch import cache_dir
from gallery.person import read_person_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from gallery.person import Person

SIZES = ((1920, 1080), (1280, 720))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOTICE = {
    "en": "Development session: names are the programme's known truth, nothing is recognised here.",
    "zh": "开发会话:名字来自节目的已知真值,此处未作识别。",
}
STATES = [
    "scanning",
    "names",
    "answer",
    "card",
    "either",
    "nobody",
    "unknown",
    "idle",
    "nosignal",
    "ended",
]


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


class Session:
    """A device whose recogniser is the truth."""

    def __init__(self, port: int, *, preview: bool) -> None:
        material = prepare(cache_dir())
        self.video_path = material.video_path
        self.truth: dict[str, Any] = json.loads(material.truth_path.read_text())
        self.faces: dict[int, list[dict[str, Any]]] = {}
        for one in self.truth["faces"]:
            self.faces.setdefault(one["frame"], []).append(one)
        self._tracks: dict[tuple[str, int], int] = {}
        people = People(material.people_dir)
        self.radar = Radar(people.person)
        self.hub = Hub(people)
        self.preview = Preview() if preview else None
        device = Device(
            self.radar, people, Feedback(), self.hub, preview=self.preview, notice=NOTICE
        )
        self.server = Server(create_app(device), port=port)

    def frames(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield number and picture, uint8 (height, width, 3) BGR."""
        with av.open(str(self.video_path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                yield index, frame.to_ndarray(format="bgr24")  # type: ignore[misc]

    def scene(self, index: int, **changes: Any) -> Scene:
        """Return the scene of a frame, as the truth has it."""
        shot = sum(index >= s["first"] for s in self.truth["shots"]) - 1
        seen = [f for f in self.faces.get(index, []) if f["opacity"] > 0.5]
        found = [self._face(one, shot, **changes) for one in seen]
        size = self.truth["width"], self.truth["height"]
        return Scene(index / self.truth["fps"], index, *size, shot, tuple(found), 1)

    def _face(self, one: dict[str, Any], shot: int, *, either: bool = False) -> Face:
        track = self._tracks.setdefault((one["person"], shot), len(self._tracks) + 1)
        left, top, right, bottom = one["box"]
        box = (left, top, right, bottom)
        if one["id"] and not either:
            return Face(track, box, one["id"], 0.6, None)
        if either:
            pair = tuple(Candidate(i, 0.4) for i in self.truth["people"][:2])
            return Face(track, box, None, 0.4, "ambiguous", pair)
        return Face(track, box, None, 0.2, "below_threshold")

    def publish(self, scene: Scene, bgr: NDArray[np.uint8]) -> None:
        """Show a scene and its picture."""
        self.radar.push(scene)
        message = self.hub.publish(scene)
        if self.preview is not None:
            self.preview.publish(bgr, message)


def play(session: Session) -> None:
    """Play the programme in a loop, at its own speed."""
    while True:
        begun = time.monotonic()
        session.hub.publish_state("playing")
        for index, bgr in session.frames():
            session.publish(session.scene(index), bgr)
            time.sleep(max(0.0, begun + index / session.truth["fps"] - time.monotonic()))


def screenshots(session: Session, folder: Path) -> None:
    """Write one picture for each state, size and language."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    counts = {i: len(found) for i, found in session.faces.items()}
    crowd = next(i for i in sorted(counts) if counts[i] == max(counts.values()))
    named = max(session.faces, key=lambda i: sum(bool(f["id"]) for f in session.faces[i]))
    wanted = {0, crowd, named + 10, next(i for i in sorted(counts) if _nobody(session, i)) + 10}
    pictures = {i: bgr for i, bgr in session.frames() if i in wanted}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS, timeout=60_000
        )
        for width, height in SIZES:
            for lang in ("en", "zh"):
                shots = _Shots(session, pictures, crowd, named + 10, sorted(wanted)[1:])
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(f"{session.server.url}?lang={lang}")
                for state in STATES:
                    shots.show(page, state)
                    page.screenshot(path=folder / f"{state}-{lang}-{height}.png")
                page.goto(f"{session.server.url}?lang={lang}&quiet=1")
                shots.show(page, "names")
                page.screenshot(path=folder / f"quiet-{lang}-{height}.png")
                page.close()
        browser.close()


def _nobody(session: Session, index: int) -> bool:
    return all(not f["id"] for f in session.faces[index])


class _Shots:
    """Brings a page into each state."""

    def __init__(
        self,
        session: Session,
        pictures: dict[int, NDArray[np.uint8]],
        crowd: int,
        named: int,
        others: list[int],
    ) -> None:
        self._session, self._pictures = session, pictures
        self._crowd, self._named = crowd, named
        self._nobody = next(i for i in others if _nobody(session, i))

    def show(self, page: Any, state: str) -> None:
        actions: dict[str, Callable[[], None]] = {
            "scanning": lambda: self._session.hub.publish_state("connecting"),
            "names": lambda: self._frame(page, self._named),
            "answer": lambda: page.keyboard.press("r"),
            "card": lambda: page.keyboard.press("Enter"),
            "either": lambda: self._press(page, self._crowd, either=True),
            "nobody": lambda: self._press(page, self._nobody),
            "unknown": lambda: self._frame(page, self._nobody),
            "idle": lambda: self._frame(page, 0),
            "nosignal": lambda: self._session.hub.publish_state("lost"),
            "ended": lambda: self._session.hub.publish_state("ended"),
        }
        actions[state]()
        page.wait_for_timeout(900)

    def _frame(self, page: Any, index: int, *, either: bool = False) -> None:
        for _ in range(3):
            page.keyboard.press("Escape")
        self._session.hub.publish_state("playing")
        for _ in range(4):  # the first may come before the page has joined
            scene = self._session.scene(index, either=either)
            self._session.publish(scene, self._pictures[index])
            page.wait_for_timeout(80)

    def _press(self, page: Any, index: int, *, either: bool = False) -> None:
        self._frame(page, index, either=either)
        page.keyboard.press("r")


def main() -> None:
    """Serve until Ctrl-C, or take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="no preview: a transparent overlay")
    parser.add_argument("--screenshots", type=Path)
    options = parser.parse_args()
    session = Session(options.port, preview=not options.plain)
    session.server.start()
    print(session.server.url, flush=True)
    try:
        if options.screenshots:
            screenshots(session, options.screenshots)
        else:
            threading.Thread(target=play, args=(session,), daemon=True).start()
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        session.server.stop()


if __name__ == "__main__":
    main()
