"""Watch the demonstration's programme in Chromium, and hold what the page says against its truth.

    python tools/overlay_programme.py [--seconds 62] [--json]

`tvradar demo` runs with its real recogniser; the answer stays open. At each frame that Chromium
draws, the page's own clock (the place of the picture that is on the screen), its status line, its
boxes and its chips are noted. Then, by the programme's truth:

- `shortest_state_s`: the shortest time that the status line said the same.
- `boxes_off`: draws with a box on no face that the truth counts, by kind: `dissolving`, on a face
  of the shot before, still there at less than 15 %; `after_dissolve`, where a face has gone less
  than 0.5 s ago; `after_cut`, the same after a hard cut; `at_the_edge`, on a face of which less
  than 60 % is in the picture, which the truth leaves out; `no_face`, on nothing.
- `chip_wrong_s`: the longest that a chip said "On screen" of somebody who was not in the picture.
- `chip_missing_s`: the longest that a chip said the contrary of somebody whose box was drawn.

It ends with 1 where a box was on a picture of another shot (`after_dissolve`, `after_cut`), a state
was shorter than 0.5 s, or a chip was wrong for more than 1 s.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import sync_playwright

from edge.demo.camera import Stage
from edge.demo.film import SEAM_PX, place
from edge.demo.portraits import PORTRAITS, fetch_portraits
from edge.demo.programme import HEIGHT, PROGRAMME, WIDTH
from engines.files import cache_dir
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.integration.demo_process import demo, material

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WATCH = """() => {
  window.noted = [];
  const look = () => {
    const canvas = document.querySelector("#video").getBoundingClientRect();
    const boxes = [...document.querySelectorAll(".face")].map(e => {
      const b = e.getBoundingClientRect();
      return [(b.left - canvas.left) / canvas.width, (b.top - canvas.top) / canvas.height,
        (b.right - canvas.left) / canvas.width, (b.bottom - canvas.top) / canvas.height,
        e.dataset.id, e.dataset.track];
    });
    const chips = [...document.querySelectorAll(".card:not(.either)")].map(e =>
      [e.dataset.id, e.querySelector("em").textContent]);
    const state = document.body.dataset.state;
    window.noted.push([performance.now() / 1000, Number(document.body.dataset.at), state,
      document.querySelector("#status-text").textContent, boxes, chips]);
    requestAnimationFrame(look);
  };
  look();
}"""
TAKE = "() => { const all = window.noted; window.noted = []; return all; }"
VISIBLE = 0.15
"""A face that a dissolve shows at least so much is in the picture."""
JUST_GONE_S = 0.5
SHORTEST_S, LONGEST_WRONG_S = 0.5, 1.0


class Truth:
    """Who is where in the programme."""

    def __init__(self) -> None:
        told = json.loads(material().truth_path.read_text())
        self._fps, self._size = told["fps"], (told["width"], told["height"])
        self._shots = [one["first"] for one in told["shots"]]
        self._ends = [0, *(one["end"] for one in told["shots"])]
        self._faces: dict[int, list[dict[str, Any]]] = {}
        for one in told["faces"]:
            self._faces.setdefault(one["frame"], []).append(one)
        # numbers of shots begin at 1, as `shot` tells them
        self._dissolves = [False, *(one["transition"] == "dissolve" for one in told["shots"])]
        self._placed = place(PROGRAMME)
        paths = fetch_portraits(cache_dir() / "demo" / "photographs", lambda _name: None)
        self._photographs = {
            name: np.asarray(cv2.imread(str(path)), np.uint8) for name, path in paths.items()
        }

    def at(self, place_s: float) -> list[dict[str, Any]]:
        """Return the faces of a moment's picture."""
        faces = self._faces.get(round(place_s * self._fps), [])
        return [one for one in faces if one["opacity"] >= VISIBLE]

    def shot(self, place_s: float) -> int:
        """Return the number of the shot, the newer one within a dissolve."""
        return bisect.bisect_right(self._shots, round(place_s * self._fps))

    def is_face(self, box: list[Any], place_s: float) -> bool:
        """Return whether a box, in shares of the picture, touches a face of that moment."""
        return any(self._touches(box, one["box"]) for one in self.at(place_s))

    def alone_s(self, place_s: float) -> float:
        """Return since when the newest shot of a moment is there alone, after its dissolve."""
        number = self.shot(place_s)
        return max(self._shots[number - 1], self._ends[number - 1]) / self._fps

    def kind(self, box: list[Any], place_s: float, *, earlier: bool) -> str:
        """Return what a box that is on no face of the truth is on."""
        index = round(place_s * self._fps)
        if any(self._touches(box, one["box"]) for one in self._faces.get(index, [])):
            return "dissolving"
        if any(self._touches(box, found) for found in self._partly(index)):
            return "at_the_edge"
        before = range(index - round(JUST_GONE_S * self._fps), index)
        gone = (one for i in before for one in self._faces.get(i, []))
        if earlier and any(self._touches(box, one["box"]) for one in gone):
            return "after_dissolve" if self._dissolves[self.shot(place_s)] else "after_cut"
        return "no_face"

    def _touches(self, box: list[Any], pixels: Sequence[float]) -> bool:
        (width, height), (left, top, right, bottom) = self._size, pixels
        across = box[0] * width < right and left < box[2] * width
        return across and box[1] * height < bottom and top < box[3] * height

    def _partly(self, index: int) -> Iterator[tuple[float, ...]]:
        """Yield where all faces of the photographs are, also those that the edge cuts."""
        for placed in (one for one in self._placed if one.first <= index < one.end):
            count = len(placed.shot.moves)
            width = (WIDTH - SEAM_PX * (count - 1)) // count
            for n, move in enumerate(placed.shot.moves):
                stage = Stage(self._photographs[move.portrait], move, (width, HEIGHT))
                for _, box in PORTRAITS[move.portrait].faces:
                    left, top, right, bottom = stage.box(placed.t(index), box)
                    yield left + n * (width + SEAM_PX), top, right + n * (width + SEAM_PX), bottom


def longest(noted: list[list[Any]], wrong: Any) -> float:
    """Return the longest time in seconds that something held without a break, for any person."""
    most, since = 0.0, {}
    for one in noted:
        now = set(wrong(one))
        since = {person: since.get(person, one[0]) for person in now}
        most = max([most, *(one[0] - began for began in since.values())])
    return round(most, 3)


def judge(noted: list[list[Any]], truth: Truth) -> dict[str, Any]:
    """Hold what was noted against the truth."""
    changes = [noted[0]]
    for one in noted:
        if one[3] != changes[-1][3]:
            changes.append(one)
    lasted = [b[0] - a[0] for a, b in itertools.pairwise(changes[1:])]
    began: dict[str, float] = {}  # where a track was first seen
    off: dict[str, list[float]] = {}
    for one in noted:
        alone_s = truth.alone_s(one[1])
        for box in one[4]:
            first_s = began.setdefault(box[5], one[1])
            if not truth.is_face(box, one[1]):
                earlier = not alone_s <= first_s <= one[1]
                off.setdefault(truth.kind(box, one[1], earlier=earlier), []).append(
                    round(one[1], 2)
                )

    def named(one: list[Any]) -> set[str]:
        return {face["id"] for face in truth.at(one[1]) if face["id"]}

    def wrong(one: list[Any]) -> list[str]:
        return [who for who, chip in one[5] if chip == "On screen" and who not in named(one)]

    def missing(one: list[Any]) -> list[str]:
        drawn = {box[4] for box in one[4]}
        return [who for who, chip in one[5] if chip != "On screen" and who in drawn]

    return {
        "draws": len(noted),
        "seconds": round(noted[-1][0] - noted[0][0], 1),
        "states": len(changes),
        "shortest_state_s": round(min(lasted, default=0.0), 3),
        "boxes_off": {kind: len(places) for kind, places in sorted(off.items())},
        "boxes_off_at_s": {kind: sorted(set(places)) for kind, places in sorted(off.items())},
        "chip_wrong_s": longest(noted, wrong),
        "chip_missing_s": longest(noted, missing),
    }


def holds(found: dict[str, Any]) -> bool:
    """Return whether the page said nothing that was not so."""
    elsewhere = {"after_dissolve", "after_cut"} & set(found["boxes_off"])
    wrong_s = max(found["chip_wrong_s"], found["chip_missing_s"])
    return not elsewhere and found["shortest_state_s"] >= SHORTEST_S and wrong_s <= LONGEST_WRONG_S


def main() -> None:
    """Watch, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=62.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    noted: list[list[Any]] = []
    with sync_playwright() as playwright, demo(round(options.seconds) + 60) as url:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
        page.goto(url + "?show=always&close_s=0")
        page.wait_for_selector(".face.named", timeout=60_000)
        page.keyboard.press("r")
        page.wait_for_selector(".card")
        page.evaluate(WATCH)
        while not noted or noted[-1][0] - noted[0][0] < options.seconds:
            page.wait_for_timeout(2000)
            noted += page.evaluate(TAKE)
        browser.close()
        found = judge(noted, Truth())
        print(json.dumps(found) if options.json else json.dumps(found, indent=1), flush=True)
    sys.exit(0 if holds(found) else 1)


if __name__ == "__main__":
    main()
