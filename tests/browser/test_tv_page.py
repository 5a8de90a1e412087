"""The page of the apps for televisions, in Chromium; no television ran it."""

import json
from pathlib import Path

import pytest
from defusedxml.ElementTree import parse
from playwright.sync_api import Browser, Page, expect

from tests.polling import until
from tests.serving import Device4Tests

pytestmark = pytest.mark.browser
TV = Path(__file__).resolve().parents[2] / "edge" / "clients" / "tv"


def remembers(page: Page) -> bool:
    page.goto(TV.joinpath("index.html").as_uri())
    return bool(page.input_value("input"))


def test_it_asks_where_the_device_is_and_goes_there(browser: Browser, device: Device4Tests) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(TV.joinpath("index.html").as_uri())
        page.fill("input", "nas")
        page.click("button")
        expect(page.locator("#told")).to_contain_text("Expected http")
        page.fill("input", device.url)
        page.click("button")
        page.wait_for_url(device.url + "**")

        again = context.new_page()  # the app is started again
        until(lambda: remembers(again))  # what one process stores the next one sees in a moment
        again.wait_for_url(device.url + "**")

        moved = context.new_page()
        moved.goto(TV.joinpath("index.html").as_uri())
        moved.keyboard.press("ArrowDown")
        expect(moved.locator("#told")).to_have_text("")
        moved.wait_for_timeout(3200)
        assert moved.url.startswith("file:")


def test_what_the_systems_read_is_whole() -> None:
    widget = parse(TV / "tizen" / "config.xml").getroot()
    assert widget.find("{*}content").get("src") == "index.html"
    assert json.loads((TV / "webos" / "appinfo.json").read_text())["main"] == "index.html"
