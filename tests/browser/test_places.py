"""Boxes against the picture itself: where the face is in the pixels that are on the screen."""

import threading
import time
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.showing import show
from tests.serving import Device4Tests, face

RATE_HZ = 25
SPEED_PX = 6.0
"""Per frame: a face that crosses the picture in four seconds."""

MEASURE = """() => {
  const canvas = document.querySelector("#video"), box = document.querySelector(".face");
  const { width, height } = canvas, place = canvas.getBoundingClientRect();
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let count = 0, x = 0, y = 0;
  for (let i = 0; i < width * height; i += 1) {
    if (pixels[4 * i] > 150 && pixels[4 * i + 1] < 100) {
      count += 1; x += i % width; y += Math.floor(i / width);
    }
  }
  if (!count || !box) { return null; }
  const at = box.getBoundingClientRect(), middle = at.top + at.height / 2 - place.top;
  return {
    dx: (at.left + at.width / 2 - place.left) / place.width - (x / count + .5) / width,
    dy: (middle - (y / count + .5) / height * place.height) / place.width,
    x: x / count / width,
  };
}"""


def move(device: Device4Tests, stop: threading.Event) -> None:
    """Send a face that goes from left to right and back."""
    left, step = 40.0, SPEED_PX
    while not stop.is_set():
        left += step
        if not 20 < left < 500:
            step = -step
        device.show(face(1, left, "ada"))
        time.sleep(1 / RATE_HZ)


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (1280, 960)])
def test_boxes_are_where_the_moving_face_is_in_the_picture(
    browser: Browser, device: Device4Tests, size: tuple[int, int]
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(device.url)
    show(page, device, face(1, 40, "ada"))
    stop = threading.Event()
    thread = threading.Thread(target=move, args=(device, stop))
    thread.start()
    try:
        found: list[dict[str, Any]] = []
        for _ in range(20):
            page.wait_for_timeout(90)
            measured = page.evaluate(MEASURE)
            if measured:
                found.append(measured)
    finally:
        stop.set()
        thread.join()
        page.close()
    assert len(found) >= 15
    assert max(f["x"] for f in found) - min(f["x"] for f in found) > 0.1, "the face did not move"
    assert max(max(abs(f["dx"]), abs(f["dy"])) for f in found) < 0.02
