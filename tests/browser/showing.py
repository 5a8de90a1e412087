"""Frames sent until a page has drawn one."""

from playwright.sync_api import Page

from tests.serving import Device4Tests, Face


def show(page: Page, device: Device4Tests, *faces: Face, selector: str = ".face") -> None:
    """Send frames until the page has drawn one."""
    for _ in range(100):
        device.show(*faces)
        if page.locator(selector).count():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{selector} never came")
