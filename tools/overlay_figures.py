"""Measure the overlay in Chromium: key to cards, boxes against the picture, pictures a second.

    python tools/overlay_figures.py [--presses 40] [--samples 120] [--json]

A real server is fed with a face that crosses the picture at 25 pictures a second, as the browser
tests do it; no model runs, so the figures are those of server, network, page and browser. "Key to
cards" is from the key's event to the first frame drawn with cards in it. "Box" is how far the box's
middle is from the middle of the face in the very pixels on the screen, as a share of its width.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.test_places import MEASURE, move
from tests.serving import SIZE, serving

FACE_SHARE = 100 / SIZE[0]
"""The face's width, as a share of the picture's."""
COUNT = """(() => {
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  window.drawn = 0;
  CanvasRenderingContext2D.prototype.drawImage = function (...all) {
    window.drawn += 1;
    return draw.apply(this, all);
  };
})()"""
PRESS = """() => new Promise(done => {
  const cards = document.querySelector("#cards"), begun = performance.now();
  const look = () => {
    if (cards.children.length && !document.querySelector("#answer").hidden) {
      requestAnimationFrame(() => done(performance.now() - begun));
    } else { requestAnimationFrame(look); }
  };
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "r", bubbles: true }));
  look();
})"""


def quantiles(values: list[float]) -> dict[str, float]:
    """Return p50, p90 and p99."""
    found = np.percentile(values, (50, 90, 99))
    return {f"p{p}": round(float(v), 1) for p, v in zip((50, 90, 99), found, strict=True)}


def measure(page: Page, presses: int, samples: int) -> dict[str, Any]:
    """Return all figures of a page that is playing."""
    page.wait_for_timeout(1500)
    before = page.evaluate("window.drawn")
    page.wait_for_timeout(5000)
    rate = (page.evaluate("window.drawn") - before) / 5
    keys = []
    for _ in range(presses):
        keys.append(float(page.evaluate(PRESS)))
        page.keyboard.press("Escape")
        page.wait_for_timeout(150)
    page.keyboard.press("r")  # boxes are there once somebody has asked
    offsets = []
    for _ in range(samples):
        page.wait_for_timeout(60)
        if found := page.evaluate(MEASURE):
            offsets.append(100 * float(np.hypot(found["dx"], found["dy"])) / FACE_SHARE)
    return {
        "key_to_cards_ms": quantiles(keys),
        "box_percent_of_face": quantiles(offsets),
        "pictures_per_s": round(rate, 1),
        "presses": len(keys),
        "samples": len(offsets),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--samples", type=int, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stop = threading.Event()
    with sync_playwright() as playwright, serving(preview=True) as device:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1920, "height": 1080}, locale="en-US")
        page.add_init_script(COUNT)
        page.goto(device.url + "?show=always")
        thread = threading.Thread(target=move, args=(device, stop))
        thread.start()
        try:
            found = measure(page, options.presses, options.samples)
        finally:
            stop.set()
            thread.join()
            browser.close()
    print(json.dumps(found) if options.json else json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
