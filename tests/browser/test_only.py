""" "Only watch this person": the list of scenes, and going from one to the next, by keys alone."""

import httpx
import msgspec
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from edge.recognise.scene import Scene
from edge.video.frame import Frame
from tests.browser.showing import show
from tests.polling import until
from tests.serving import Device4Tests, face

SCENES = (2.0, 20.0, 40.0)
"""Ada is seen for two seconds from each of these on."""


@pytest.fixture
def seen(device: Device4Tests) -> Device4Tests:
    for start_s in SCENES:
        for n in range(51):
            device.appearing.push(["ada"], start_s + n / 25)
    return device


def open_scenes(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))
    page.keyboard.press("r")
    expect(page.locator(".card.focus")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#act-only")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#only")).to_be_visible()


def be_at(page: Page, device: Device4Tests, position_s: float) -> None:
    """Play from here for a moment."""
    for n in range(4):
        device.show(face(1, 60, "ada"), position_s=position_s + n / 25)
        page.wait_for_timeout(60)


def went_to(page: Page, device: Device4Tests, *places_s: float) -> None:
    """Wait until the device was asked for these places: the page's words are there before."""
    for _ in range(100):
        if device.player.sought == list(places_s):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{device.player.sought}, expected {places_s}")


def test_a_walk_through_everything_by_keys_alone(page: Page, seen: Device4Tests) -> None:
    open_scenes(page, seen)
    expect(page.locator("#only-title")).to_have_text("Only Ada Lovelace")
    expect(page.locator("#only-sum")).to_have_text("3 scenes · 6 s")
    expect(page.locator(".scene strong")).to_have_text(["0:02", "0:20", "0:40"])
    expect(page.locator("#only-bar i")).to_have_count(3)
    expect(page.locator("#only-scenes")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".scene.focus strong")).to_have_text("0:20")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".scene.focus strong")).to_have_text("0:02")
    page.keyboard.press("Escape")  # back to the card
    expect(page.locator("#only")).to_be_hidden()
    expect(page.locator("#act-only")).to_be_focused()
    page.keyboard.press("ArrowRight")  # the next person, whose card has the same actions
    expect(page.locator("#card-name")).to_have_text("Eve")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#card-name")).to_have_text("Ada Lovelace")
    for action in ("#act-more", "#act-not", "#act-not"):
        page.keyboard.press("ArrowDown")
        expect(page.locator(action)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#act-only")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()
    expect(page.locator(".card.focus strong")).to_have_text("Ada Lovelace")
    page.keyboard.press("Enter")
    expect(page.locator("#act-only")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # "not this person"
    expect(page.locator("#answer")).to_be_hidden()
    until(lambda: seen.feedback.taken)  # the page does not wait for it
    assert seen.feedback.taken == [(1, "ada")]
    assert seen.player.sought == []


def test_only_the_scenes_of_one_person_are_played(page: Page, seen: Device4Tests) -> None:
    open_scenes(page, seen)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#only-now-text")).to_have_text(
        "Only Ada Lovelace · scene 2 of 3 · Back ends"
    )
    expect(page.locator("#answer")).to_be_hidden()
    went_to(page, seen, 20.0)
    be_at(page, seen, 5)  # from before the jump: not taken for the end of the scene
    be_at(page, seen, 20)
    be_at(page, seen, 21.5)
    assert seen.player.sought == [20.0]
    be_at(page, seen, 22.5)
    expect(page.locator("#only-now-text")).to_contain_text("scene 3 of 3")
    went_to(page, seen, 20.0, 40.0)
    be_at(page, seen, 40)
    be_at(page, seen, 43)
    expect(page.locator("#only-now")).to_be_hidden()
    expect(page.locator("#toast-text")).to_have_text("That was the last scene.")


def test_back_ends_it(page: Page, seen: Device4Tests) -> None:
    open_scenes(page, seen)
    page.keyboard.press("Enter")
    expect(page.locator("#only-now")).to_be_visible()
    went_to(page, seen, 2.0)
    page.keyboard.press("Escape")
    expect(page.locator("#only-now")).to_be_hidden()
    be_at(page, seen, 10)
    assert seen.player.sought == [2.0]


def test_a_live_source_shows_the_scenes_and_says_why_not(page: Page, seen: Device4Tests) -> None:
    seen.player.why_not = "live"
    open_scenes(page, seen)
    expect(page.locator(".scene")).to_have_count(3)
    expect(page.locator("#only-why")).to_contain_text("you can't jump back")
    expect(page.locator('.scene[aria-disabled="true"]')).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.locator("#toast-text")).to_contain_text("you can't jump back")
    expect(page.locator("#only")).to_be_visible()
    assert seen.player.sought == []


def test_the_preview_measures_its_delay(page: Page, device: Device4Tests) -> None:
    for _ in range(30):
        device.show(face(1, 60, "ada"))
        page.wait_for_timeout(40)
    estimate_ms = int(page.get_attribute("body", "data-offset-ms") or -1)
    assert 0 <= estimate_ms < 500


def test_seeking_is_guarded(seen: Device4Tests) -> None:
    with httpx.Client(base_url=seen.url) as client:
        assert client.post("api/seek", json={"to_s": 3.5}).json() == {"to_s": 3.5}
        for wrong in ({"to_s": -1}, {"to_s": 60}, {"to_s": "x"}, {}, {"to_s": 1, "more": 2}):
            assert client.post("api/seek", json=wrong).status_code == 400
        assert client.post("api/seek", content=b'{"to_s": 1e999}').status_code == 400
        away = {"origin": "http://evil.example"}
        assert client.post("api/seek", json={"to_s": 1}, headers=away).status_code == 403
        seen.player.why_not = "live"
        refused = client.post("api/seek", json={"to_s": 1})
        assert (refused.status_code, refused.json()["fixed"]) == (409, "live")
        found = client.get("api/people/ada/scenes").json()
        assert [i["start_s"] for i in found["intervals"]] == [2.0, 20.0, 40.0]
        assert found["fixed"] == "live"
        assert client.get("api/people/nobody/scenes").status_code == 404
    assert seen.player.sought == [3.5]


def test_tiles_have_pictures_and_continue_goes_where_one_left_off(
    page: Page, seen: Device4Tests
) -> None:
    assert seen.stills is not None
    for n, start_s in enumerate(SCENES[:2]):
        picture = np.full((180, 320, 3), 60 + 60 * n, np.uint8)
        scene = Scene(start_s, n, 320, 180, 0, (face(1, 60, "ada"),), 1)
        seen.stills.take(Frame(picture, start_s, n, 0), scene)
        seen.stills.take(Frame(picture, start_s, n, 0), msgspec.structs.replace(scene, faces=()))
    open_scenes(page, seen)
    expect(page.locator(".still")).to_have_count(3)
    expect(page.locator(".still img")).to_have_count(2)
    assert page.evaluate("document.querySelector('.still img').naturalHeight") == 144
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # from the second scene on
    went_to(page, seen, 20.0)
    be_at(page, seen, 20.0)
    be_at(page, seen, 21.0)
    page.keyboard.press("Escape")
    expect(page.locator("#only-now")).to_be_hidden()
    open_scenes(page, seen)
    expect(page.locator(".scene.focus strong")).to_have_text("▶ Continue")
    expect(page.locator(".scene.focus span")).to_have_text("0:21")
    page.keyboard.press("Enter")
    for _ in range(50):
        if len(seen.player.sought) == 2:
            break
        page.wait_for_timeout(50)
    assert 21.0 <= seen.player.sought[1] < 22.0
    expect(page.locator("#only-now-text")).to_contain_text("scene 2 of 3")
