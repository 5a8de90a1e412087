"""axe-core in every state of the page, in both languages: nothing serious, nothing critical."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.serve.messages import PairingCode
from tests.browser.showing import show
from tests.serving import Device4Tests, face, serving

axe_playwright = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python"
)


def findings(page: Page) -> list[str]:
    """Return what axe-core finds to be serious or critical; run in the page as it is now."""
    page.wait_for_timeout(300)  # colours are judged when nothing is half faded in
    found = axe_playwright.Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html']}, {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
        if one["impact"] in {"serious", "critical"}
    ]


def _press(page: Page) -> None:
    page.keyboard.press("r")
    expect(page.locator("#answer")).to_be_visible()


def _card(page: Page) -> None:
    _press(page)
    page.keyboard.press("Enter")
    expect(page.locator("#act-only")).to_be_focused()


def _only(page: Page) -> None:
    _card(page)
    page.keyboard.press("Enter")
    expect(page.locator("#only-scenes")).to_be_visible()


def _watching(page: Page) -> None:
    _only(page)
    page.keyboard.press("Enter")
    expect(page.locator("#only-now")).to_be_visible()


def _naming(page: Page) -> None:
    _press(page)
    page.keyboard.press("Enter")
    expect(page.locator("#naming")).to_be_visible()


def _sure(page: Page) -> None:
    _naming(page)
    page.keyboard.press("A")
    page.locator("#naming-letters button").last.click()
    expect(page.locator("#naming-no")).to_be_focused()


def _still(_page: Page) -> None:
    pass


NAMED = (face(1, 60, "ada"), face(2, 300, "eve"))
STRANGERS = (face(1, 60, None, "too_small"), face(2, 300, None, "profile"))
STATES: dict[str, tuple[tuple[Any, ...], Callable[[Page], None]]] = {
    "scanning": ((face(1, 60, None),), _still),
    "idle": ((), _still),
    "names": (NAMED, _still),
    "answer": (NAMED, _press),
    "card": (NAMED, _card),
    "only": (NAMED, _only),
    "watching": (NAMED, _watching),
    "either": ((face(1, 60, None, "ambiguous"),), _press),
    "unknown": (STRANGERS, _still),
    "nobody": (STRANGERS, _press),
    "naming": (STRANGERS, _naming),
    "sure": (STRANGERS, _sure),
}


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device4Tests]:
    with serving(preview=True, playing=True, naming=tmp_path / "local", phone=True) as made:
        yield made


@pytest.mark.parametrize("lang", ["en", "zh", "ar"])
def test_no_serious_finding_in_any_state(browser: Browser, device: Device4Tests, lang: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page.goto(f"{device.url}?lang={lang}&show=always")
    device.appearing.push(["ada"], 3.0)
    found: dict[str, list[str]] = {}
    for state, (faces, act) in STATES.items():
        for _ in range(4):
            page.keyboard.press("Escape")
        for _ in range(3):
            device.show(*faces, position_s=3.0)
            page.wait_for_timeout(60)
        device.history.texts.put(device.index / 25, ("Ana Ruiz",))
        act(page)
        found[state] = findings(page)
    for state, source in (("nosignal", "lost"), ("ended", "ended"), ("connecting", "connecting")):
        device.hub.publish_state(source)
        expect(page.locator("body")).to_have_attribute("data-state", state)
        found[source] = findings(page)
    device.hub.publish_other(PairingCode("123456", 60.0))
    expect(page.locator("#pairing")).to_be_visible()
    found["pairing"] = findings(page)
    phone = browser.new_page(viewport={"width": 390, "height": 844})
    phone.goto(f"{device.url}phone?lang={lang}")
    expect(phone.locator("#ask")).to_be_visible()
    found["phone"] = findings(phone)
    phone.evaluate(
        "for (const id of ['remote', 'name-form']) document.getElementById(id).hidden = 0"
    )
    found["paired"] = findings(phone)
    phone.close()
    device.server.stop()
    expect(page.locator("body")).to_have_attribute("data-state", "offline")
    found["offline"] = findings(page)
    page.close()
    assert {state: what for state, what in found.items() if what} == {}


FOCUS = """() => { const s = getComputedStyle(document.activeElement);
  const other = getComputedStyle(document.querySelector("#naming-letters button:last-child"));
  return s.backgroundColor !== other.backgroundColor; }"""
STYLE = "([what, key]) => getComputedStyle(document.querySelector(what))[key]"


def test_few_colours_and_more_contrast_hide_nothing(browser: Browser, device: Device4Tests) -> None:
    page = browser.new_page(forced_colors="active", reduced_motion="reduce")
    page.goto(device.url + "?show=always")
    show(page, device, face(1, 60, None, "profile"))
    assert page.evaluate(STYLE, [".face.stranger", "borderTopStyle"]) == "dotted"
    _naming(page)
    assert page.evaluate(FOCUS)  # one sees which letter OK writes
    page.emulate_media(forced_colors="none", contrast="more")
    for what in ("#naming", "#card", "#only"):
        assert page.evaluate(STYLE, [what, "backgroundColor"]) == "rgb(0, 0, 0)", what
    page.close()


def test_axe_would_find_something(browser: Browser, device: Device4Tests) -> None:
    page = browser.new_page()
    page.goto(device.url + "?show=always")
    show(page, device, face(1, 60, "ada"))
    # One of ours would get its name back with the next message.
    page.evaluate("document.body.append(document.createElement('button'))")
    assert any("button-name" in one for one in findings(page))
    page.close()
