"""What the page says has an age: silence, a restart, and who has left while an answer is open."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.serve.http import Device, Server, create_app
from tests.browser.showing import show
from tests.polling import until
from tests.serving import Device4Tests, face, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser

LIMIT_MS = 2000
GONE = re.compile(r"Just gone|\d s ago")


def test_without_pictures_no_name_stays(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"), face(2, 300, None, "ambiguous"))
    page.keyboard.press("r")
    expect(page.locator(".card em")).to_have_text(["On screen", "Hard to tell apart"])
    device.freeze()
    expect(page.locator(".face")).to_have_count(0, timeout=LIMIT_MS)
    expect(page.locator("#status-text")).not_to_contain_text("Ada", timeout=1)
    expect(page.locator(".card em")).to_have_text([GONE, GONE], timeout=LIMIT_MS)
    page.keyboard.press("ArrowRight")  # what is drawn again is not drawn with old boxes
    page.set_viewport_size({"width": 1000, "height": 600})
    page.wait_for_timeout(300)
    expect(page.locator(".face")).to_have_count(0, timeout=1)
    device.show(face(7, 60, "ada"), face(8, 300, None, "ambiguous"))
    expect(page.locator(".card em")).to_have_text(["On screen", "Hard to tell apart"])
    expect(page.locator(".card.gone")).to_have_count(0)


def test_a_card_follows_who_leaves_and_who_comes_back(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))
    page.keyboard.press("r")
    expect(page.locator(".card em")).to_have_text(["On screen", "On screen"])
    device.show(face(2, 300, "eve"))
    expect(page.locator(".card em")).to_have_text([GONE, "On screen"], timeout=LIMIT_MS)
    expect(page.locator(".card.gone strong")).to_have_text("Ada Lovelace")
    device.show(face(9, 60, "ada"))
    expect(page.locator(".card em")).to_have_text(["On screen", GONE], timeout=LIMIT_MS)
    expect(page.locator(".card.focus strong")).to_have_text("Ada Lovelace")


def test_somebody_just_gone_who_comes_back_is_on_screen(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"))
    device.show()
    page.keyboard.press("r")
    expect(page.locator(".card em")).to_have_text(GONE)
    device.show(face(2, 60, "ada"))
    expect(page.locator(".card em")).to_have_text("On screen")


@contextlib.contextmanager
def at(port: int, device: Device4Tests) -> Iterator[Server]:
    """Serve a device at an address that another one had, as after a restart."""
    server = Server(
        create_app(Device(device.history, device.people, device.feedback, device.hub)), port=port
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_after_a_restart_nothing_of_the_run_before_is_there(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    with serving(playing=True) as first:
        page.goto(first.url)
        show(page, first, face(1, 60, "ada"))
        page.keyboard.press("r")
        expect(page.locator(".card em")).to_have_text("On screen")
        port = first.server.port
    expect(page.locator("body")).to_have_attribute("data-state", "offline")
    assert page.locator(".face").count() == 0
    expect(page.locator(".card em")).to_have_text(GONE)
    with serving() as second, at(port, second):
        second.hub.publish_state("playing")  # a picture, and nothing recognised yet
        expect(page.locator("body")).to_have_attribute("data-state", "connecting", timeout=15_000)
        end_s = time.monotonic() + 1
        while time.monotonic() < end_s:
            assert page.locator(".face").count() == 0
            assert "Ada" not in (page.locator("#status-text").text_content() or "")
        assert page.locator("#answer").is_hidden()
    page.close()


def test_scenes_that_wait_for_a_slow_player_end_with_their_run(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    with serving(playing=True) as first:
        page.goto(first.url + "?offset_ms=6000&show=always")
        for n in range(5):
            first.show(face(n, 60, "ada"))
        page.wait_for_timeout(200)
        port = first.server.port
    with serving() as second, at(port, second):
        second.hub.publish_state("playing")
        expect(page.locator("body")).to_have_attribute("data-state", "connecting", timeout=15_000)
        page.wait_for_timeout(5000)
        assert page.locator(".face").count() == 0
        assert page.get_attribute("body", "data-state") == "connecting"
    page.close()


REMOTE = """code => {
  const event = new Event("keydown", { bubbles: true, cancelable: true });
  event.keyCode = code;
  event.key = "Unidentified";
  document.activeElement.dispatchEvent(event);
}"""


def test_a_walk_by_a_remote_whose_keys_have_only_codes(page: Page, device: Device4Tests) -> None:
    """The same as `tools/old_engines.py` walks in Chromium 69 and 83."""
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))

    def remote(code: int) -> None:
        page.evaluate(REMOTE, code)

    remote(403)  # red
    expect(page.locator(".card.focus strong")).to_have_text("Ada Lovelace")
    remote(39)
    expect(page.locator(".card.focus strong")).to_have_text("Eve")
    remote(37)
    remote(13)
    expect(page.locator("#card-name")).to_have_text("Ada Lovelace")
    expect(page.locator("#act-only")).to_be_focused()
    for action in ("#act-more", "#act-not"):
        remote(40)
        expect(page.locator(action)).to_be_focused()
    remote(38)
    remote(38)
    expect(page.locator("#act-only")).to_be_focused()
    remote(461)  # Back of webOS
    expect(page.locator("#card")).to_be_hidden()
    remote(10009)  # Back of Tizen
    expect(page.locator("#answer")).to_be_hidden()
    remote(13)
    expect(page.locator("#answer")).to_be_visible()
    remote(13)
    expect(page.locator("#act-only")).to_be_focused()
    remote(404)  # green
    expect(page.locator("#answer")).to_be_hidden()
    until(lambda: device.feedback.taken)  # the page does not wait for it
    assert device.feedback.taken == [(1, "ada")]
