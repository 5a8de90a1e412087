"""Walk through the overlay by remote keys in the web engines of older TVs.

    python tools/old_engines.py [--engine 69] [--folder DIR] [--shots DIR] [--json]

Chromium 63 is the engine of Tizen 5, 69 of Tizen 5.5; webOS 5 has 68, webOS 6 has 79. Chromium 69
and 83 are to be had as wheels of Qt's web engine (PyQtWebEngine 5.12 and 5.15; GPL, for this test
only, never a part of tvradar), which this script installs into environments of their own below DIR,
the cache by default. (PyQt5 5.11 has Chromium 65, which does not start on Debian 12; there is no
wheel with 63.) They need the libraries that a desktop Chromium needs, and no display.

The page is served by the real server, and fed with scenes as the browser tests do it. Keys of a
keyboard are sent through Qt, those of a remote as the TV's browser sends them (`keyCode` 403, 404,
461, 10009). The script ends with 0 when every step held in every engine, else with 1.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.serving import Device4Tests, face, serving  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINES = {
    "69": ("PyQtWebEngine==5.12.1", "PyQt5==5.12.3"),
    "83": (
        "PyQtWebEngine==5.15.6",
        "PyQtWebEngine-Qt5==5.15.2",
        "PyQt5==5.15.10",
        "PyQt5-Qt5==5.15.2",
    ),
}
PATIENCE_S = 8.0
WALK_IN_CARD = (
    ("ArrowDown", "act-more"),
    ("ArrowDown", "act-not"),
    ("ArrowUp", "act-more"),
    ("ArrowUp", "act-only"),
)
SCENES_S = (2.0, 20.0, 40.0)
ERROR = "console 2:"
TOKEN = "of-the-test"  # noqa: S105 - the server of the test has no other


class StepError(Exception):
    """A step of the walk did not hold."""


def python_with(engine: str, folder: Path) -> Path:
    """Return a Python that has this engine, installed where it is not there yet."""
    home = folder / f"chromium-{engine}"
    python, done = home / "bin" / "python", home / ".installed"
    if not done.exists():
        print(f"Chromium {engine}: installing {', '.join(ENGINES[engine])}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *ENGINES[engine]]
        subprocess.run(pip, check=True)
        done.touch()
    return python


class Engine:
    """A window with an old engine, in a process of its own."""

    def __init__(self, python: Path) -> None:
        script = ROOT / "tools" / "old_engine_window.py"
        self._process = subprocess.Popen(
            [str(python), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._results: queue.Queue[dict[str, Any]] = queue.Queue()
        self.said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._overhear, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._results.put(json.loads(line))

    def _overhear(self) -> None:
        assert self._process.stderr
        self.said.extend(line.rstrip() for line in self._process.stderr)

    def _ask(self, **command: str) -> dict[str, Any]:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            return self._results.get(timeout=30)
        except (OSError, queue.Empty) as error:
            said = "\n".join(self.said[-8:])
            raise StepError(f"{command}: the engine does not answer; it said:\n{said}") from error

    def go(self, url: str) -> None:
        """Load a page."""
        if not self._ask(go=url).get("ok"):
            raise StepError(f"{url}: did not load")

    def run(self, code: str) -> Any:
        """Return the value of an expression in the page."""
        return self._ask(run=code)["value"]

    def key(self, name: str) -> None:
        """Press a key of a keyboard."""
        self._ask(key=name)

    def remote(self, code: int) -> None:
        """Press a key of a remote, which has a code and no name that a page could know."""
        self.run(
            "(function () { var e = new Event('keydown', {bubbles: true, cancelable: true});"
            f" e.keyCode = {code}; e.key = 'Unidentified';"
            " document.activeElement.dispatchEvent(e); return 0; })()"
        )

    def shot(self, path: Path) -> None:
        """Keep what the window shows."""
        self._ask(shot=str(path))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@dataclass
class Walk:
    """The steps, in one engine."""

    engine: Engine
    device: Device4Tests
    shots: Path | None
    done: list[str] = field(default_factory=list)
    agent: str = ""

    def text(self, selector: str) -> str:
        """Return an element's text, empty where it is hidden or not there."""
        code = (
            f"(function () {{ var e = document.querySelector({json.dumps(selector)});"
            " return e && e.offsetParent !== null ? e.textContent : ''; })()"
        )
        return str(self.engine.run(code))

    def until(self, what: str, held: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
        """Wait for something, and note that it came.

        Raises:
            StepError: it did not come.
        """
        end = time.monotonic() + limit_s
        while not held():
            if time.monotonic() > end:
                state = self.engine.run("document.body.dataset.state")
                raise StepError(f"{what}: not within {limit_s:g} s; the page says {state!r}")
            time.sleep(0.05)
        self.done.append(what)
        if self.shots:
            self.engine.shot(self.shots / f"{len(self.done):02d}.png")

    def open(self, engine: str) -> None:
        """Load the page, and look which engine it really is."""
        self.engine.go(f"{self.device.url}?lang=en&show=always&token={TOKEN}")
        self.agent = str(self.engine.run("navigator.userAgent"))
        if f"Chrome/{engine}." not in self.agent:
            raise StepError(f"{self.agent}, expected Chrome/{engine}")

    def no_errors(self) -> None:
        """Look through what the page logged, besides that the device was stopped."""
        wrong = [line for line in self.engine.said if line.startswith(ERROR)]
        wrong = [line for line in wrong if "WebSocket" not in line]
        if wrong:
            raise StepError("the page logged errors:\n" + "\n".join(wrong))

    def all(self) -> None:
        """Go the whole way."""
        self.names()
        self.press_and_choose()
        self.card()
        self.only_watch()
        self.feedback()
        self.naming()
        self.remote_codes()
        self.nothing_old()

    def names(self) -> None:
        self.device.show(face(1, 60, "ada"), face(2, 300, "eve"))
        self.until("names below the faces", lambda: self.text(".label.named") != "")
        self.until("pictures from the preview", lambda: self.text("body.preview #faces") != "")

    def press_and_choose(self) -> None:
        self.engine.key("R")
        self.until("R opens the answer", lambda: self.text(".card.focus strong") == "Ada Lovelace")
        self.engine.key("ArrowRight")
        self.until("right chooses", lambda: self.text(".card.focus strong") == "Eve")
        self.engine.key("ArrowLeft")
        self.until("left chooses", lambda: self.text(".card.focus strong") == "Ada Lovelace")

    def card(self) -> None:
        self.engine.key("Enter")
        self.until("OK opens the card", lambda: self.text("#card-name") == "Ada Lovelace")
        for key, place in WALK_IN_CARD:
            self.engine.key(key)
            self.until(f"{key} goes to {place}", lambda place=place: self._focused() == place)

    def only_watch(self) -> None:
        self.engine.key("Enter")
        self.until("the scenes of one person", lambda: self.text(".scene.focus strong") == "0:02")
        self.engine.key("ArrowRight")
        self.until("the next scene", lambda: self.text(".scene.focus strong") == "0:20")
        self.engine.key("Enter")
        self.until("POST /api/seek passes", lambda: self.device.player.sought == [SCENES_S[1]])
        self.until("it is said", lambda: self.text("#only-now-text").startswith("Only Ada"))
        self.engine.key("Escape")
        self.until("Back ends it", lambda: self.text("#only-now-text") == "")

    def feedback(self) -> None:
        self.engine.key("R")
        self.until("R again", lambda: self.text(".card.focus strong") == "Ada Lovelace")
        self.engine.key("Enter")
        self.until("the card again", lambda: self._focused() == "act-only")
        self.engine.key("X")
        self.until("POST /api/feedback passes", lambda: self.device.feedback.taken == [(1, "ada")])
        self.until("everything is closed", lambda: self.text("#answer-title") == "")

    def naming(self) -> None:
        self.device.show(face(1, 60, "ada"), face(3, 300, None, "below_threshold"))
        self.engine.key("R")
        self.until("a stranger has a tile", lambda: "Name this face" in self.text("#cards"))
        self.engine.key("ArrowRight")
        self.engine.key("Enter")
        self.until("OK asks for a name", lambda: self.text("#naming-letters") != "")
        for key in ("Enter", "ArrowRight", "Enter", "ArrowDown", "ArrowDown", "ArrowDown"):
            self.engine.key(key)
        self.until("the arrows write", lambda: self.text("#naming-name") == "Ab|")
        self.engine.key("Enter")
        self.until("OK asks before it keeps", lambda: self._focused() == "naming-no")
        self.engine.key("ArrowRight")
        self.engine.key("Enter")
        self.until("kept after a yes", lambda: self.text("#toast-text").startswith("Ab is known"))
        self.engine.key("Enter")
        self.until("one key erases it", lambda: "erased" in self.text("#toast-text"))
        self.device.show(face(1, 60, "ada"), face(2, 300, "eve"))

    def remote_codes(self) -> None:
        for code, what in ((403, "red"), (13, "OK")):
            self.engine.remote(code)
            self.until(f"{what} ({code}) opens", lambda: self.text(".card.focus strong") != "")
            back = 461 if code == 403 else 10009
            self.engine.remote(back)
            self.until(f"Back ({back}) closes", lambda: self.text("#answer-title") == "")
        self.engine.remote(403)
        self.until("red opens", lambda: self.text(".card.focus strong") != "")
        self.engine.remote(13)
        self.until("OK opens the card by code", lambda: self._focused() == "act-only")
        self.engine.remote(404)
        self.until("green refuses a name", lambda: len(self.device.feedback.taken) == 2)

    def nothing_old(self) -> None:
        self.engine.key("R")
        self.until("R a last time", lambda: "On screen" in self.text(".card"))
        self.device.freeze()
        self.until("no name without pictures", lambda: self.text("#faces") == "", 2.0)
        self.until(
            "its card says so",
            lambda: "On screen" not in self.text(".card"),
            2.0,
        )
        self.device.show(face(1, 60, "ada"))
        self.until("names come back", lambda: "Ada" in self.text("#faces"))
        self.until("and so does the card", lambda: "On screen" in self.text(".card"))
        self.device.server.stop()
        self.until("no name without a device", lambda: self.text("#faces") == "", 2.0)
        self.until("offline", lambda: self.engine.run("document.body.dataset.state") == "offline")

    def _focused(self) -> str:
        return str(self.engine.run("document.activeElement.id"))


def walk_in(engine: str, folder: Path, shots: Path | None) -> dict[str, Any]:
    """Walk in one engine; return what held, and what did not."""
    window = Engine(python_with(engine, folder))
    if shots:
        shots = shots / engine
        shots.mkdir(parents=True, exist_ok=True)
    error = ""
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(preview=True, token=TOKEN, playing=True, naming=Path(scratch) / "local") as device,
    ):
        for start_s in SCENES_S:
            for n in range(51):
                device.appearing.push(["ada"], start_s + n / 25)
        walk = Walk(window, device, shots)
        try:
            walk.open(engine)
            walk.all()
            walk.no_errors()
        except StepError as caught:
            error = str(caught)
        finally:
            window.close()
    return {"engine": engine, "agent": walk.agent, "held": walk.done, "error": error}


def main() -> int:
    """Walk in every engine that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=sorted(ENGINES), action="append")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "tvradar-engines")
    parser.add_argument("--shots", type=Path, help="keep a picture of each step here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = [walk_in(e, options.folder, options.shots) for e in options.engine or sorted(ENGINES)]
    if options.json:
        print(json.dumps(found))
    for one in found if not options.json else []:
        print(f"Chromium {one['engine']}: {len(one['held'])} steps held; {one['agent']}")
        print(f"  {one['error']}" if one["error"] else f"  {', '.join(one['held'])}")
    return 1 if any(one["error"] for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
