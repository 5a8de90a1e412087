"""Quiet until somebody asks; what is said stays true, is said once, and can be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from gallery.store.person import Person, Work
from tests.browser.showing import show
from tests.polling import until
from tests.serving import Device4Tests, Face, face, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
OVER_THE_PICTURE = "#status, #radar, .label, .face, #answer, #card, #toast, #only-now, #message"


@pytest.fixture
def quiet(browser: Browser, device: Device4Tests) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    page.goto(device.url + "?close_s=2")
    yield page
    page.close()


def seen(page: Page) -> list[str]:
    """Return what is visible over the programme."""
    found: list[str] = page.evaluate(
        """all => [...document.querySelectorAll(all)].filter(e => {
        const b = e.getBoundingClientRect(), s = getComputedStyle(e);
        return b.width && s.visibility === "visible" && s.display !== "none"; })
        .map(e => e.id || e.className)""",
        OVER_THE_PICTURE,
    )
    return found


def test_a_clean_picture_until_somebody_presses_and_after_the_answer(
    quiet: Page, device: Device4Tests
) -> None:
    show(quiet, device, face(1, 60, "ada"), face(2, 300, None, "profile"))
    expect(quiet.locator("#message")).to_be_hidden()  # "Connecting…" stays half a second
    quiet.wait_for_timeout(300)
    assert seen(quiet) == []
    quiet.keyboard.press("r")
    expect(quiet.locator(".card.focus")).to_have_count(1)
    expect(quiet.locator("#unnamed")).to_have_text("1 other not recognised: turned away")
    assert {"face named chosen", "face stranger", "answer"} <= {
        one.replace(" pressed", "") for one in seen(quiet)
    }
    expect(quiet.locator("#answer")).to_be_hidden(timeout=4000)  # nobody pressed a key for 2 s
    assert seen(quiet) == []


def test_keys_keep_the_answer_open(quiet: Page, device: Device4Tests) -> None:
    show(quiet, device, face(1, 60, "ada"), face(2, 300, "eve"))
    quiet.keyboard.press("r")
    expect(quiet.locator(".card.focus")).to_have_count(1)
    for key in ("ArrowRight", "ArrowLeft", "ArrowRight"):
        quiet.wait_for_timeout(1000)
        quiet.keyboard.press(key)
    expect(quiet.locator("#answer")).to_be_visible()


def test_portraits_stand_as_on_the_screen(page: Page, device: Device4Tests) -> None:
    small = Face(2, (20.0, 80.0, 60.0, 120.0), "eve", 0.6, None, (), 0.9)
    show(page, device, face(1, 300, "ada"), small)
    page.keyboard.press("r")
    expect(page.locator(".card strong")).to_have_text(["Eve", "Ada Lovelace"])
    expect(page.locator(".card.focus strong")).to_have_text("Ada Lovelace")  # the largest


def test_the_line_names_people_as_one_reads_the_picture(page: Page, device: Device4Tests) -> None:
    small = Face(2, (20.0, 80.0, 60.0, 120.0), "eve", 0.6, None, (), 0.9)
    show(page, device, face(1, 300, "ada"), small)  # the largest is sent first
    expect(page.locator("#status-text")).to_have_text("On screen: Eve, Ada Lovelace")


WORD_LEFT = """([id, word]) => { const node = document.querySelector(id).firstChild;
  const range = document.createRange(), at = node.data.indexOf(word);
  range.setStart(node, at); range.setEnd(node, at + word.length);
  return range.getBoundingClientRect().left; }"""


def test_arabic_begins_at_the_right(page: Page, device: Device4Tests) -> None:
    page.goto(device.url + "?show=always&lang=ar")
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))
    isolated = "على الشاشة: \u2068Eve\u2069، \u2068Ada Lovelace\u2069"
    expect(page.locator("#status-text")).to_have_text(isolated)
    left, right = (
        page.evaluate(WORD_LEFT, ["#status-text", name]) for name in ("Ada Lovelace", "Eve")
    )
    assert left < right  # who stands at the right comes first, and the line begins there
    page.keyboard.press("r")
    expect(page.locator(".card strong")).to_have_text(["Ada Lovelace", "Eve"])  # as in the picture
    right = page.evaluate("document.querySelectorAll('.card')[1].getBoundingClientRect().right")
    assert right == pytest.approx(0.95 * 1280, abs=2)
    device.appearing.push(["ada"], 3.0)
    for _ in range(3):  # the card, her scenes, the first of them
        page.keyboard.press("Enter")
        page.wait_for_timeout(400)
    expect(page.locator("#only-now")).to_be_visible()
    left, right = (page.evaluate(WORD_LEFT, ["#only-now-text", one]) for one in ("فقط", "Ada"))
    assert left < right  # a line that begins with a name of the other direction


def test_not_this_person_is_told_and_taken_back(page: Page, device: Device4Tests) -> None:
    show(page, device, face(5, 60, "ada"))
    page.keyboard.press("r")
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("#toast-text")).to_have_text("Thank you. That name is not shown any more.")
    until(lambda: device.feedback.taken)  # the page does not wait for it
    assert device.feedback.taken == [(5, "ada")]
    page.keyboard.press("Enter")
    expect(page.locator("#toast-text")).to_have_text("The name is shown again.")
    assert device.feedback.taken == []
    expect(page.locator("#toast")).to_be_hidden()


def test_a_press_without_a_device_says_so(browser: Browser) -> None:
    page = browser.new_page(locale="en-US")
    with serving(preview=True, playing=True) as device:
        page.goto(device.url)
        show(page, device, face(1, 60, "ada"))
    expect(page.locator("body")).to_have_attribute("data-state", "offline")
    page.keyboard.press("r")
    expect(page.locator("#toast-text")).to_contain_text("Offline")
    page.close()


def test_the_line_does_not_flicker_in_a_cut(page: Page, device: Device4Tests) -> None:
    device.freeze()
    show(page, device, face(1, 60, "ada"))
    expect(page.locator("#status-text")).to_have_text("On screen: Ada Lovelace")
    page.evaluate(
        """() => { window.lines = [];
        new MutationObserver(() => window.lines.push(document.querySelector("#status-text")
        .textContent)).observe(document.querySelector("#status-text"),
        { childList: true, characterData: true, subtree: true }); }"""
    )
    device.show()  # a dissolve: nobody for a moment, then somebody undecided, then her again
    page.wait_for_timeout(250)
    device.show(face(2, 60, None))
    page.wait_for_timeout(250)
    device.show(face(2, 60, "ada"))
    page.wait_for_timeout(700)
    assert page.evaluate("window.lines") == []
    device.show()
    expect(page.locator("#status-text")).to_have_text("Nobody on screen")


def test_no_box_stays_on_the_picture_of_the_next_shot(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"))
    device.freeze()
    device.show()  # she turns away: her box fades
    device.freeze()
    expect(page.locator(".face")).to_have_count(0, timeout=600)
    show(page, device, face(2, 60, "ada"))
    device.freeze()
    page.evaluate(
        """() => { window.most = 0; new MutationObserver(() => {
        if (document.querySelector(".fading")) { window.most += 1; } })
        .observe(document.querySelector("#faces"), { childList: true, attributes: true,
        subtree: true }); }"""
    )
    device.cut()
    device.show()
    device.freeze()
    expect(page.locator(".face")).to_have_count(0, timeout=600)
    show(page, device, face(3, 60, "ada"))
    device.freeze()
    device.dissolves = True
    device.show()
    device.freeze()
    expect(page.locator(".face")).to_have_count(0, timeout=600)
    assert page.evaluate("window.most") == 0


def test_a_lost_source_is_no_signal_and_an_end_is_not_offline(
    page: Page, device: Device4Tests
) -> None:
    device.hub.publish_state("connecting")
    expect(page.locator("#message-text")).to_have_text("Connecting…")
    device.hub.publish_state("playing")
    show(page, device, face(1, 60, "ada"))
    expect(page.locator("body")).to_have_attribute("data-state", "names")
    page.evaluate(
        """() => { window.said = []; new MutationObserver(() => {
        window.said.push([document.body.dataset.state, performance.now()]); })
        .observe(document.body, { attributeFilter: ["data-state"] }); }"""
    )
    device.hub.publish_state("lost")
    device.hub.publish_state("playing")  # no picture was missed: no flicker, either
    page.wait_for_timeout(1200)
    (first, lost), (then, back) = page.evaluate("window.said")
    assert (first, then) == ("nosignal", "names")
    assert back - lost >= 490
    device.freeze()
    expect(page.locator("#message-text")).to_have_text("No signal")
    device.hub.publish_state("ended")
    expect(page.locator("#message-text")).to_have_text("The programme has ended")
    page.keyboard.press("r")  # who was there last: the words do not lie behind the cards
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator("#message")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#message")).to_be_visible()
    device.server.stop()
    page.wait_for_timeout(2000)
    expect(page.locator("#message-text")).to_have_text("The programme has ended")


def test_labels_leave_the_corners_of_logos(page: Page, device: Device4Tests) -> None:
    corner = Face(1, (10.0, 44.0, 90.0, 140.0), "ada", 0.6, None, (), 0.9)
    low = Face(2, (540.0, 200.0, 620.0, 358.0), "eve", 0.6, None, (), 0.9)
    show(page, device, corner, low)
    page.wait_for_timeout(4500)
    expect(page.locator("header")).to_be_hidden()  # and so do the pills
    for label in page.locator(".label").all():
        box = label.bounding_box()
        assert box
        in_corner = box["y"] < 0.13 * 720 and not 0.18 * 1280 < box["x"] < 0.82 * 1280
        assert not in_corner
        assert box["y"] + box["height"] <= 720


def test_what_people_play_in_this_title_comes_first(browser: Browser) -> None:
    page = browser.new_page(locale="en-US")
    with serving(preview=True, playing=True, people=IN_A_FILM, title="the film") as device:
        page.goto(device.url)
        show(page, device, face(1, 60, "ada"))
        page.keyboard.press("r")
        expect(page.locator(".card span").first).to_have_text("as The Countess")
        page.keyboard.press("Enter")
        expect(page.locator("#card-role")).to_have_text("as The Countess")
    page.close()


def test_the_biography_is_read_page_by_page(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-US")
    with serving(preview=True, playing=True, people=IN_A_FILM) as device:
        page.goto(device.url)
        show(page, device, face(1, 60, "ada"))
        page.keyboard.press("r")
        expect(page.locator(".card.focus")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator("#act-only")).to_be_focused()
        expect(page.locator("#answer")).to_be_hidden()  # one card, and nothing else
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#card-more")).to_be_focused()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.querySelector('#card-more').scrollTop") > 100
        page.keyboard.press("Escape")
        expect(page.locator("#act-more")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#card")).to_be_hidden()
        expect(page.locator("#answer")).to_be_visible()
    page.close()


def test_a_screen_reader_hears_each_change_once(page: Page, device: Device4Tests) -> None:
    live = page.evaluate("[...document.querySelectorAll('[aria-live], [role=status]')].length")
    assert live == 1
    show(page, device, face(1, 60, None, "ambiguous"))
    page.evaluate(
        """() => { window.said = [];
        new MutationObserver(() => { const t = document.querySelector("#spoken").textContent;
        if (t) { window.said.push(t); } }).observe(document.querySelector("#spoken"),
        { childList: true, characterData: true, subtree: true }); }"""
    )
    device.hub.publish_state("lost")
    expect(page.locator("#message-text")).to_have_text("No signal")
    page.wait_for_timeout(800)
    assert [one.split(".")[0] for one in page.evaluate("window.said")] == ["No signal"]


@pytest.mark.parametrize("lang", ["es", "de", "ja", "ar"])
def test_more_languages(browser: Browser, device: Device4Tests, lang: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{device.url}?lang={lang}")
    assert page.evaluate("document.documentElement.dir") == ("rtl" if lang == "ar" else "ltr")
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))
    page.keyboard.press("r")
    expect(page.locator(".card.focus")).to_have_count(1)
    first, second = (one.bounding_box() for one in page.locator(".card").all())
    assert first
    assert second
    assert first["x"] < second["x"]  # as the faces are, whatever the direction of the language
    title = page.locator("#answer-title").bounding_box()
    assert title
    assert (title["x"] > 640) == (lang == "ar")
    page.close()


ADA = Person(
    "ada",
    {"en": "Ada Lovelace"},
    {"en": "Mathematician"},
    {"en": "She wrote the first programme, and much about it. " * 40},
    (Work({"en": "The Film", "de": "Der Film"}, 1979, "The Countess"),),
)
IN_A_FILM = {"ada": ADA}
