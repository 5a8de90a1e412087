"""Measure the overlay in Chromium: key to cards, boxes against the picture, pictures a second.

    python tools/overlay_figures.py [--presses 40] [--samples 120] [--json]
    python tools/overlay_figures.py --before TREE [--times 3]

A real server is fed with a face that crosses the picture at 25 pictures a second, as the browser
tests do it; no model runs, so the figures are those of server, network, page and browser. "Key to
cards" is from the key's event to the first frame drawn with cards in it. "Box" is how far the box's
middle is from the middle of the face in the very pixels on the screen, as a share of its width.
`--before` takes turns with the page of another checkout and prints both in one table: medians of
the runs, and of the ratios of the runs beside each other, with the least and the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, os.environ.get("TVRADAR_TREE") or str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.test_places import MEASURE, move
from tests.serving import SIZE, serving

TREE = "TVRADAR_TREE"
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


def run_in(tree: str, options: argparse.Namespace) -> list[float]:
    """Return the figures of a checkout's page, as the rows of the table have them."""
    words = ["--json", "--presses", str(options.presses), "--samples", str(options.samples)]
    command = [sys.executable, str(Path(__file__).resolve()), *words]
    ran = subprocess.run(
        command, env={**os.environ, TREE: tree}, stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads(ran.stdout)
    keys, boxes = found["key_to_cards_ms"], found["box_percent_of_face"]
    return [*keys.values(), *boxes.values(), found["pictures_per_s"]]


def compare(options: argparse.Namespace) -> None:
    """Take turns, and print the table."""
    trees = (options.before, str(Path(__file__).resolve().parent.parent))
    runs = np.array([[run_in(tree, options) for tree in trees] for _ in range(options.times)])
    rows = [f"key to cards, ms, p{p}" for p in (50, 90, 99)]
    rows += [f"box, % of the face's width, p{p}" for p in (50, 90, 99)] + ["pictures a second"]
    print("| | before | now | now / before |\n| --- | --- | --- | --- |")
    for i, row in enumerate(rows):
        before, now = np.median(runs[:, :, i], axis=0)
        cell = "-"
        if runs[:, 0, i].all():
            ratios = runs[:, 1, i] / runs[:, 0, i]
            cell = f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        print(f"| {row} | {before:.1f} | {now:.1f} | {cell} |")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--samples", type=int, default=120)
    parser.add_argument("--before")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.before:
        compare(options)
        return
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
