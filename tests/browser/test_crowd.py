"""One, three, seven and fourteen people with hostile names: nothing covers anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.crowd import NAMING, OVERLAPS, PEOPLE, STATES, bring, faces, look
from tests.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720)])
@pytest.mark.parametrize("lang", ["en", "zh", "ar"])
def test_nothing_covers_anything_else(
    browser: Browser, lang: str, size: tuple[int, int], tmp_path: Path
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=viewport, reduced_motion="reduce")
    wrong = {}
    options = {"preview": True, "playing": True, "people": PEOPLE}
    with serving(**options, naming=tmp_path / "local") as device:  # type: ignore[arg-type]
        for n in range(14):
            for scene in range(12):
                device.appearing.push([f"p{n}"], 5.0 * scene)
        page.goto(f"{device.url}?lang={lang}&show=always")
        device.show(*faces(1))
        page.wait_for_selector(".label")
        for count in (1, 3, 7, 14):
            for state in STATES + NAMING * (count >= 7):
                bring(page, device, count, state)
                found = look(page)
                wrong[count, state] = found["wrong"]
                if state == "names":
                    assert found["labels"] >= min(count, 5), (count, found)
                if state == "answer":
                    assert found["tiles"] >= min(count, 6)
                    assert found["inView"] in {min(found["tiles"], n) for n in (5, 6)}
                    assert found["ratio"] == pytest.approx(1.5, abs=0.01)
    page.close()
    assert {k: v for k, v in wrong.items() if v} == {}


def test_labels_make_room_for_a_card_though_no_picture_follows(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    with serving(preview=True, playing=True, people=PEOPLE) as device:
        page.goto(f"{device.url}?lang=en&show=always")
        device.show(*faces(7))
        for state in ("names", "answer"):
            bring(page, device, 7, state)
        device.freeze()
        bring(page, device, 7, "card")
        found = look(page)
    page.close()
    assert found["labels"]
    assert found["wrong"] == []


def test_the_test_would_find_an_overlap(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_content(
        "<style>.label { position: absolute; top: 10px; left: 10px }</style>"
        "<span class=label>Ada</span><span class=label>Eve</span>"
        "<span class=label style='left: 1270px'>gone over the edge</span>"
    )
    found = page.evaluate(OVERLAPS)["wrong"]
    page.close()
    assert any("over" in one for one in found)
    assert any("leaves the screen" in one for one in found)
