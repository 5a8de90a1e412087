"""Take a picture of every state of the overlay, in two sizes and three languages, by Chromium.

    python tools/overlay_screenshots.py docs/images/overlay
    python tools/overlay_screenshots.py contrast --wanted contrast|colours|stillness

The programme, its people and their names are those of tools/overlay_dev.py: the demonstration's
public-domain photographs with their known truth. `--wanted` has the viewer ask for more contrast,
for the system's few colours (`forced-colors`), or for no motion, in one size. Look at the
pictures: nothing here judges them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overlay_dev import Session
from PIL import Image
from playwright.sync_api import sync_playwright

from edge.serve.messages import PairingCode
from edge.video.frame import Frame
from tests.browser.conftest import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge.recognise.scene import Scene

SIZES = ((1920, 1080), (1280, 720))
LANGUAGES = ("en", "zh", "ar")
QUALITY = 60
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WANTED: dict[str, dict[str, Any]] = {
    "contrast": {"contrast": "more"},
    "colours": {"forced_colors": "active"},
    "stillness": {"reduced_motion": "reduce"},
}
STATES = (
    "connecting",
    "names",
    "answer",
    "card",
    "only",
    "only-live",
    "watching",
    "scanning",
    "either",
    "nobody",
    "naming",
    "sure",
    "unknown",
    "idle",
    "nosignal",
    "ended",
    "offline",
)


class States:
    """Brings a page into each state."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._length_s = session.player.duration_s
        faces = session.faces
        counts = {i: len(found) for i, found in faces.items()}
        self._crowd = next(i for i in sorted(counts) if counts[i] == max(counts.values()))
        self._named = max(faces, key=lambda i: sum(bool(f["id"]) for f in faces[i])) + 10
        nobody = (i for i in sorted(faces) if all(not f["id"] for f in faces[i]))
        self._nobody = next(nobody) + 10
        wanted = {0, self._crowd, self._named, self._nobody}
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        for index, bgr in session.frames():
            if index in wanted:
                self._pictures[index] = bgr
            self._keep_still(index, bgr)
        self._now: tuple[int, str] | None = None
        threading.Thread(target=self._play, daemon=True).start()

    def _keep_still(self, index: int, bgr: NDArray[np.uint8]) -> None:
        """Keep a picture where a device would have kept it while the programme ran."""
        if index % 5 == 0 and index in self._session.faces:
            scene: Scene = self._session.scene(index)
            frame = Frame(bgr, index / self._session.truth["fps"], index, 0)
            self._session.stills.take(frame, scene)

    def _play(self) -> None:
        """Go on with the picture, as no programme shows one and then nothing."""
        while True:
            now = self._now
            if now is not None:
                self._session.publish(
                    self._session.scene(now[0], kind=now[1]), self._pictures[now[0]]
                )
            time.sleep(0.3)

    def _tell(self, source: str) -> None:
        self._now = None
        self._session.hub.publish_state(source)

    def show(self, page: Any, state: str) -> None:
        """Bring the page into a state; `answer` to `watching` follow each other."""
        actions: dict[str, Callable[[], None]] = {
            "connecting": lambda: self._tell("connecting"),
            "names": lambda: self._frame(page, self._named),
            "answer": lambda: page.keyboard.press("r"),
            "card": lambda: self._card(page),
            "only": lambda: self._scenes(page),
            "only-live": lambda: self._live(page),
            "watching": lambda: self._watch(page),
            "scanning": lambda: self._frame(page, self._crowd, kind="scanning"),
            "either": lambda: self._press(page, self._crowd, kind="either"),
            "nobody": lambda: self._press(page, self._nobody),
            "naming": lambda: self._name(page),
            "sure": lambda: self._sure(page),
            "unknown": lambda: self._frame(page, self._nobody),
            "idle": lambda: self._frame(page, 0),
            "nosignal": lambda: self._tell("lost"),
            "ended": lambda: self._tell("ended"),
            "offline": self._offline,
        }
        actions[state]()
        page.wait_for_timeout(900)

    def _offline(self) -> None:
        self._tell("playing")  # a programme that has ended is not offline
        time.sleep(0.3)
        self._session.server.stop()

    def _card(self, page: Any) -> None:
        page.locator(".card.focus").wait_for()
        page.keyboard.press("Enter")
        page.locator("#card").wait_for()

    def _scenes(self, page: Any) -> None:
        page.keyboard.press("ArrowRight")  # the second of them has more scenes
        page.wait_for_timeout(800)
        page.keyboard.press("Enter")
        page.locator("#only").wait_for()

    def _live(self, page: Any) -> None:
        page.keyboard.press("Escape")
        player = self._session.player
        self._length_s, player.duration_s, player.why_not = player.duration_s, None, "live"
        page.keyboard.press("Enter")
        page.locator("#only").wait_for()

    def _watch(self, page: Any) -> None:
        page.keyboard.press("Escape")
        self._session.player.why_not = ""
        self._session.player.duration_s = self._length_s
        page.keyboard.press("Enter")
        page.locator("#only").wait_for()
        page.keyboard.press("Enter")

    def _frame(self, page: Any, index: int, *, kind: str = "") -> None:
        for _ in range(6):
            page.keyboard.press("Escape")
        self._session.hub.publish_state("playing")
        self._now = index, kind
        page.wait_for_function(
            "() => !/connecting|nosignal|offline|ended/.test(document.body.dataset.state)"
        )
        page.wait_for_timeout(900)

    def _name(self, page: Any) -> None:
        page.locator(".card.unknown").wait_for()
        page.keyboard.press("Enter")
        page.locator("#naming-face img").wait_for()
        page.keyboard.type("Grace")
        self._session.hub.publish_other(PairingCode("407215", 60.0))

    def _sure(self, page: Any) -> None:
        self._session.hub.publish_other(PairingCode("", 0.0))
        page.locator("#naming-letters button").last.click()
        page.locator("#naming-no").wait_for()

    def _press(self, page: Any, index: int, *, kind: str = "") -> None:
        self._frame(page, index, kind=kind)
        page.keyboard.press("r")


def save(page: Any, path: Path) -> None:
    """Write what the page shows, as WebP: a tenth of a PNG."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    parser.add_argument("--wanted", choices=WANTED)
    options = parser.parse_args()
    folder = options.folder
    wanted = WANTED.get(options.wanted, {})
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=60_000)
        for width, height in SIZES[:1] if wanted else SIZES:
            for lang in options.language or LANGUAGES:
                scratch = Path(tempfile.mkdtemp()) / "local"  # nobody says yes
                session = Session(0, preview=True, naming=scratch)  # the last state ends the server
                session.server.start()
                states = States(session)
                page = browser.new_page(viewport={"width": width, "height": height}, **wanted)
                page.goto(f"{session.server.url}?lang={lang}&show=always&close_s=0")
                for state in STATES:
                    states.show(page, state)
                    save(page, folder / f"{state}-{lang}-{height}.webp")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
