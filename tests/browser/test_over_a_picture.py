"""The page over somebody else's picture: transparent, in a dashboard's frame, and what it says."""

from __future__ import annotations

import io
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.showing import show
from tests.serving import Device4Tests, face, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser


@pytest.fixture
def plain() -> Iterator[Device4Tests]:
    with serving(playing=True) as device:
        yield device


def test_over_a_picture_it_is_transparent_until_somebody_asks(
    browser: Browser, plain: Device4Tests
) -> None:
    page = browser.new_page(viewport={"width": 640, "height": 360}, locale="en-US")
    page.goto(plain.url + "?over=1")
    show(page, plain, face(1, 60, "ada"))
    page.evaluate("document.querySelector('#notice').hidden = true")

    def opaque() -> int:
        with Image.open(io.BytesIO(page.screenshot(omit_background=True))) as shot:
            return int(shot.convert("RGBA").getchannel("A").getextrema()[1])

    assert opaque() == 0
    page.keyboard.press("r")
    expect(page.locator(".card.focus")).to_have_count(1)
    assert opaque() == 255
    page.close()


def test_who_opens_it_by_itself_is_told_what_it_is(browser: Browser, plain: Device4Tests) -> None:
    page = browser.new_page(locale="en-US")
    page.goto(plain.url)
    expect(page.locator("#bare")).to_contain_text("tvradar run --source film.mp4")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#bare")).to_be_hidden()
    page.close()


def test_an_end_offers_to_start_again(browser: Browser) -> None:
    page = browser.new_page(locale="en-US")
    with serving(preview=True, playing=True) as device:
        device.player.can_restart = True
        page.goto(device.url)
        show(page, device, face(1, 60, "ada"))
        device.freeze()
        device.hub.publish_state("ended")
        expect(page.locator("#message-help")).to_have_text("OK starts it again.")
        page.keyboard.press("Enter")
        page.wait_for_timeout(500)
        assert device.player.restarts == 1
    page.close()


@pytest.mark.parametrize("named", ["named", "unnamed"])
def test_a_dashboard_of_another_origin(browser: Browser, tmp_path: Path, named: str) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    site = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    origin = f"http://localhost:{site.server_port}"  # another site than 127.0.0.1
    ancestors = (origin,) if named == "named" else ()
    page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    with serving(preview=True, playing=True, token="s3", frame_ancestors=ancestors) as device:
        frame = f'<iframe width=900 height=500 src="{device.url}?show=always&token=s3"></iframe>'
        (tmp_path / "dashboard.html").write_text(frame)
        device.show(face(1, 60, "ada"))
        page.goto(f"{origin}/dashboard.html")
        label = page.frame_locator("iframe").locator(".label.named")
        if ancestors:
            expect(label).to_have_text("Ada Lovelace")
            page.frame_locator("iframe").locator("#radar").click()
            expect(page.frame_locator("iframe").locator(".card img")).to_have_count(1)
        else:
            page.wait_for_timeout(1000)
            expect(label).to_have_count(0)
    page.close()
    site.shutdown()
    site.server_close()
