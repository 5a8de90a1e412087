"""The user script over a real film in Chromium."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.free import Free

pytestmark = pytest.mark.browser
SCRIPT = Path(__file__).resolve().parents[2] / "edge" / "clients" / "browser" / "tvradar.user.js"
PAGE = """<!doctype html><title>a player</title><body style="margin:0;background:#000">
<input id="search" style="position:absolute;bottom:0">
<video src="film.mp4" muted style="width:100vw;height:60vh"></video>"""
SIDECAR: dict[str, Any] = {
    "format": "tvradar-sidecar",
    "version": 1,
    "people": [
        {"id": "lin", "name": "<b>Lin</b> 林", "role": "actress", "photo": "javascript:alert(1)"},
        {"id": "bo", "name": "Bo", "works": [{"title": "A Film", "year": 1999}]},
    ],
    "shots": [],
    "tracks": [
        {
            "ids": ["lin"],
            "start_s": 0,
            "end_s": 4,
            "boxes": [[0, 0, 0, 0.5, 1], [2, 0.5, 0, 1, 1]],
        },
        {"ids": ["bo"], "start_s": 5, "end_s": 8, "boxes": [[5, 0.99, 0.25, 1, 0.5]]},
    ],
}


@pytest.fixture
def site(free: Free, tmp_path: Path) -> Iterator[str]:
    shutil.copy(free.clip, tmp_path / "film.mp4")
    (tmp_path / "index.html").write_text(PAGE)
    app = Starlette(routes=[Mount("/", StaticFiles(directory=tmp_path, html=True))])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def player(browser: Browser, site: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1000, "height": 500})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site)
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    page.add_script_tag(path=SCRIPT)
    yield page
    page.close()
    assert errors == []


def seek(page: Page, to_s: float) -> None:
    page.evaluate(
        """to => new Promise(done => { const v = document.querySelector('video');
        v.onseeked = () => done(); v.currentTime = to; })""",
        to_s,
    )


def all_of(page: Page, selector: str, value: str) -> list[Any]:
    """Return a value of each element; in one go, as they are drawn anew for each frame."""
    script = f"s => [...document.querySelectorAll(s)].map(e => {value})"
    return list(page.evaluate(script, selector))


def texts(page: Page, selector: str) -> list[str]:
    return [str(text) for text in all_of(page, selector, "e.innerText")]


def test_names_and_cards_follow_the_film(player: Page, tmp_path: Path) -> None:
    (tmp_path / "film.tvradar.json").write_text(json.dumps(SIDECAR))
    seek(player, 1)
    player.keyboard.press("n")
    player.wait_for_selector(".tvradar-card")
    # 640x360 in 1000x300: the picture is 533 wide, 233 from the left
    place = "[e.offsetLeft, e.offsetTop, e.clientWidth, e.clientHeight]"
    (box,) = all_of(player, ".tvradar-face", place)
    assert box == pytest.approx([233 + 533 * 0.25, 0, 533 * 0.5, 300], abs=4)
    assert all_of(player, ".tvradar-face > div", "e.getBoundingClientRect().top >= 0") == [True]
    assert texts(player, ".tvradar-card") == ["<b>Lin</b> 林\nactress"]
    assert texts(player, ".tvradar img, .tvradar b") == []

    player.keyboard.press("n")
    player.wait_for_selector(".tvradar", state="detached")
    player.keyboard.press("N")
    player.set_viewport_size({"width": 533, "height": 500})
    seek(player, 4.5)
    player.wait_for_function("document.querySelectorAll('.tvradar-face').length == 0")
    seek(player, 5.5)
    player.wait_for_selector(".tvradar-face")
    assert texts(player, ".tvradar-face") == ["Bo"]
    right = "e.getBoundingClientRect().right <= innerWidth"
    assert all_of(player, ".tvradar-face > div", right) == [True]
    assert texts(player, ".tvradar-card") == []
    player.keyboard.press("n")
    player.wait_for_selector(".tvradar-card")
    assert texts(player, ".tvradar-card") == [
        "Bo\nA Film (1999)",
        "<b>Lin</b> 林\nactress",  # went one and a half seconds ago
    ]


def test_a_sidecar_is_opened_where_the_server_has_none(player: Page, tmp_path: Path) -> None:
    sidecar = tmp_path / "elsewhere.json"
    sidecar.write_text(json.dumps(SIDECAR))
    player.locator("#search").press("n")  # typed, not pressed
    assert player.input_value("#search") == "n"
    player.locator("#search").blur()
    with player.expect_file_chooser() as chooser:
        player.keyboard.press("n")
    chooser.value.set_files(sidecar)
    player.wait_for_selector(".tvradar-card")
