"""The button of the demonstration's page, in Chromium, on the real demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.integration.demo_process import demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_button_brings_the_name_onto_the_picture(browser: Browser) -> None:
    with demo() as url:
        page = browser.new_page(viewport={"width": 1500, "height": 900}, locale="en-US")
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if "Content Security" in m.text else 0)
        page.goto(url + "demo")
        tv = page.frame_locator("#tv")
        expect(tv.locator("body")).to_have_class("preview", timeout=20_000)
        button = page.get_by_role("button", name="Publish the stranger")
        expect(button).to_be_enabled(timeout=20_000)
        button.click()
        expect(tv.locator("#faces")).to_contain_text("Grace Hopper", timeout=40_000)
        expect(page.locator('li[data-what="named"] time')).to_contain_text("+")
        expect(page.locator("#told")).to_contain_text("Grace Hopper has a name")
        expect(page.locator("#events li")).to_have_count(8)
        expect(button).to_be_disabled()
        page.close()
        assert errors == []
