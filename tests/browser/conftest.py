"""Chromium, a device and a page for the tests of the overlay."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.serving import Device4Tests, serving

SHELL = shutil.which("chromium-headless-shell")
"""The same engine without windows: half of the processor time."""
CHROMIUM = SHELL or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")  # its event loop is left running in the thread until it ends
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def device() -> Iterator[Device4Tests]:
    with serving(preview=True, playing=True) as made:
        yield made


@pytest.fixture
def page(browser: Browser, device: Device4Tests) -> Iterator[Page]:
    made = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.goto(device.url + "?show=always")
    yield made
    made.close()
    assert errors == []
