"""Name this face: by the remote's keys, and by a telephone that the television let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.showing import show
from tests.serving import Device4Tests, face, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device4Tests]:
    with serving(preview=True, playing=True, naming=tmp_path / "local", phone=True) as made:
        yield made


def go_to_the_stranger(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"), face(2, 300, None, "below_threshold"))
    page.keyboard.press("r")
    expect(page.locator(".card strong")).to_have_text(["Ada Lovelace", "Name this face"])
    expect(page.locator(".card.unknown em")).to_have_text("On screen")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".card.focus strong")).to_have_text("Name this face")
    page.keyboard.press("Enter")
    expect(page.locator("#naming")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_stranger_is_named_by_the_remote_and_erased_by_one_key(
    page: Page, device: Device4Tests, tmp_path: Path
) -> None:
    go_to_the_stranger(page, device)
    expect(page.locator("#naming-face img")).to_have_count(1)
    press(page, "Enter", "ArrowDown", "ArrowRight", "Enter", "ArrowLeft", "Enter")
    expect(page.locator("#naming-name")).to_have_text("Alk|")
    press(page, *["ArrowDown"] * 3, "ArrowLeft", "Enter", "ArrowRight", "Enter")  # erase, done
    expect(page.locator("#naming-help")).to_contain_text("Keep this face under the name “Al”")
    expect(page.locator("#naming-no")).to_be_focused()  # nothing is kept by pressing OK twice
    assert not (tmp_path / "local").exists()
    press(page, "Escape")
    expect(page.locator("#naming-letters")).to_be_visible()
    press(page, "Enter", "ArrowRight", "Enter")
    expect(page.locator("#toast-text")).to_have_text("Al is known from now on.")
    expect(page.locator("#naming")).to_be_hidden()
    assert (tmp_path / "local" / "current").exists()
    press(page, "Enter")  # the one key
    expect(page.locator("#toast-text")).to_have_text("The face is erased.")
    kept = [p for p in (tmp_path / "local").rglob("*") if p.is_file()]
    assert not any(b'"Al"' in p.read_bytes() for p in kept)


def test_back_cancels_and_a_keyboard_writes(page: Page, device: Device4Tests) -> None:
    go_to_the_stranger(page, device)
    page.keyboard.type("roxanne x")  # r and x are keys of the radar elsewhere
    expect(page.locator("#naming-name")).to_have_text("roxanne x|")
    page.keyboard.press("Backspace")
    expect(page.locator("#naming-name")).to_have_text("roxanne |")
    page.keyboard.press("Escape")
    expect(page.locator("#naming")).to_be_hidden()
    expect(page.locator(".card.focus strong")).to_have_text("Name this face")
    show(page, device, face(1, 60, "ada"), face(91, 300, None, "profile"))
    press(page, "Escape", "r")
    expect(page.locator(".card")).to_have_count(2)
    press(page, "ArrowRight", "Enter")
    expect(page.locator("#toast-text")).to_have_text("This face is not clear enough.")


def test_a_telephone_is_let_in_names_and_is_a_remote_control(
    page: Page, device: Device4Tests, browser: Browser
) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, locale="en-US")
    errors: list[str] = []
    phone.on("pageerror", lambda error: errors.append(str(error)))
    phone.goto(device.url + "phone")
    phone.get_by_role("button", name="Show a code on the television").click()
    expect(page.locator("#pairing")).to_contain_text("Code for the telephone:")
    phone.get_by_label("Code on the television").fill("000 000")
    phone.get_by_role("button", name="Pair").click()
    expect(phone.locator("#told")).to_have_text("That is not the code on the screen.")
    code = page.locator("#pairing-code").text_content() or ""
    phone.get_by_label("Code on the television").fill(code)
    phone.get_by_role("button", name="Pair").click()
    expect(page.locator("#pairing")).to_be_hidden()
    show(page, device, face(1, 60, "ada"), face(2, 300, None, "below_threshold"))
    phone.locator('[data-key="radar"]').click()
    expect(page.locator(".card")).to_have_count(2)
    for key in ("right", "ok"):
        phone.locator(f'[data-key="{key}"]').click()
    expect(page.locator("#naming")).to_be_visible()
    phone.get_by_label("Name").fill("Grace")
    phone.get_by_role("button", name="Keep").click()
    expect(phone.locator("#yes")).to_be_focused()  # no yes, nothing is kept
    phone.locator("#yes").check()
    phone.get_by_role("button", name="Keep").click()
    expect(page.locator("#toast-text")).to_have_text("Grace is known from now on.")
    expect(page.locator("#naming")).to_be_hidden()
    phone.locator('[data-key="ok"]').click()
    expect(page.locator("#toast-text")).to_have_text("The face is erased.")
    phone.close()
    assert errors == []
