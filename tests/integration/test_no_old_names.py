"""Within 2 s nobody is told a name that is not on the screen, whatever has died."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.integration.conftest import tvradar
from tests.integration.demo_process import material
from tests.integration.house import House, film_of
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.alone

WHO = "eileen_collins"
LIMIT_S = 2.0
AND_STAYS_S = 1.5
EVERYWHERE = {"press", "live", "home assistant", "retained", "metrics"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    portrait = next((material().people_dir / WHO).glob("portrait.*"))
    people = folder / "people"
    shutil.copytree(material().people_dir / WHO, people / WHO)
    made = House(folder, people, film_of(portrait, folder / "film.mp4"))
    try:
        made.start_updater()
        until((folder / "gallery" / "current").exists)
        made.start_device()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def tv(house: House) -> Iterator[Page | None]:
    """Return the overlay in Chromium, None where there is no Chromium."""
    if CHROMIUM is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
        page.goto(f"http://127.0.0.1:{house.to_page.port}/?lang=en&show=always")
        yield page
        browser.close()


def page_names(tv: Page | None) -> bool:
    """Return whether the page names anybody as on the screen."""
    if tv is None:
        return False
    told = tv.locator("#faces").text_content() or ""
    told += tv.locator("#status-text").text_content() or ""
    cards = tv.locator(".card em").all_text_contents()
    return "Collins" in told or "On screen" in cards


def all_name(house: House, tv: Page | None) -> None:
    """Wait until she is named everywhere, and open the page's answer."""
    for name, start in (
        ("sender", house.start_sender),
        ("broker", house.start_broker),
        ("updater", house.start_updater),
        ("device", house.start_device),
    ):
        if not house.runs(name):
            start()
    until(lambda: house.told().keys() == EVERYWHERE, 60)
    until(lambda: tv is None or page_names(tv))
    if tv is not None:
        tv.keyboard.press("r")
        until(lambda: "On screen" in tv.locator(".card em").all_text_contents())


def nobody_is_told(house: House, tv: Page | None, since_s: float) -> None:
    """Check each surface when the time is over, and that no name comes back."""
    time.sleep(max(0.0, since_s + LIMIT_S - time.monotonic()))
    told = house.told() | ({"page": True} if page_names(tv) else {})
    late_s = time.monotonic() - since_s
    assert told == {}, f"{late_s:.2f} s later"
    end_s = time.monotonic() + AND_STAYS_S
    while time.monotonic() < end_s:
        assert house.told() == {}
        assert not page_names(tv)


def test_the_source_dies(house: House, tv: Page | None) -> None:
    all_name(house, tv)
    died_s = house.kill("sender")
    if tv is not None:  # the answer is still open, and follows
        until(lambda: tv.locator(".card em").all_text_contents() == ["Just gone"], LIMIT_S)
    nobody_is_told(house, tv, died_s)
    assert house.reader.state == "lost"
    assert house.reader.scene["faces"] == []
    assert house.assistant.available
    assert house.assistant.last() == set()
    assert house.metric("tvradar_source_playing") == 0.0
    assert house.metric("tvradar_picture_age_seconds") >= LIMIT_S
    ran = tvradar("press", "--url", f"http://127.0.0.1:{house.http_port}")
    assert ran.code == 0
    assert "no picture for" in ran.out
    if tv is not None:
        assert tv.get_attribute("body", "data-state") == "nosignal"
    for _ in range(40):  # past the reader's time-out, after which the decoder gives its last frame
        assert house.reader.state == "lost"
        assert house.pressed_names() == house.reader.names() == house.assistant.last() == set()
        time.sleep(0.15)


def test_the_updater_dies(house: House, tv: Page | None) -> None:
    all_name(house, tv)
    assert until(lambda: house.metric("tvradar_sync_up") == 1.0)
    died_s = house.kill("updater")
    until(lambda: house.metric("tvradar_sync_up") == 0.0, LIMIT_S)
    assert time.monotonic() - died_s < LIMIT_S
    # She is still on the screen. What is retained ends at full seconds, and comes again in a half.
    until(lambda: house.told().keys() >= EVERYWHERE - {"retained"})
    nobody_is_told(house, tv, house.kill("sender"))


def test_the_broker_dies_and_its_memory_comes_back(house: House, tv: Page | None) -> None:
    all_name(house, tv)
    time.sleep(1.5)  # mosquitto has saved what it retains
    died_s = house.kill("broker")
    time.sleep(max(0.0, died_s + LIMIT_S - time.monotonic()))
    assert house.told().keys() == {"press", "live", "metrics"}
    died_s = house.kill("sender")
    time.sleep(max(0.0, died_s + LIMIT_S - time.monotonic()))
    house.start_broker()
    nobody_is_told(house, tv, died_s)
    until(lambda: house.assistant.last() == set(), 30)  # as soon as the device is back


def test_the_network_goes_away(house: House, tv: Page | None) -> None:
    all_name(house, tv)
    gone_s = time.monotonic()
    house.cut()
    nobody_is_told(house, tv, gone_s)
    if tv is not None:
        assert tv.get_attribute("body", "data-state") == "offline"
    house.mend()


def test_the_process_is_stopped_and_goes_on(house: House, tv: Page | None) -> None:
    all_name(house, tv)
    stopped_s = house.signal("device", signal.SIGSTOP)
    nobody_is_told(house, tv, stopped_s)
    house.kill("sender")
    time.sleep(LIMIT_S)  # what the kernel has buffered meanwhile is older than this, then
    went_on_s = house.signal("device", signal.SIGCONT)
    answer = house.press()
    assert answer["people"] == []
    assert answer["picture_age_s"] > LIMIT_S
    nobody_is_told(house, tv, went_on_s - LIMIT_S)


def test_the_process_is_killed_and_knows_nothing_of_the_run_before(
    house: House, tv: Page | None
) -> None:
    all_name(house, tv)
    died_s = house.kill("device")
    nobody_is_told(house, tv, died_s)
    assert house.assistant.last() == set()  # by the will
    assert not house.assistant.available
    house.kill("sender")
    house.start_device()
    until(lambda: house.assistant.available)
    until(lambda: house.reader.state == "connecting")
    if tv is not None:
        until(lambda: tv.get_attribute("body", "data-state") == "connecting")
        assert tv.locator("#answer").is_hidden()
    nobody_is_told(house, tv, time.monotonic() - LIMIT_S)
    assert house.press()["picture_age_s"] is None


def test_the_process_ends(house: House, tv: Page | None) -> None:
    all_name(house, tv)
    began_s = time.monotonic()
    assert house.end("device") == 0
    ended_s = time.monotonic()
    nobody_is_told(house, tv, max(began_s, ended_s - LIMIT_S))
    assert house.assistant.last() == set()
    assert not house.assistant.available
