"""The page in a real Chromium: what a viewer sees and what the remote's keys do."""

import time

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from edge.recognise.answer import Answer, AnswerPerson
from tests.browser.showing import show
from tests.polling import until
from tests.serving import SIZE, Device4Tests, face, serving

pytestmark = pytest.mark.browser


def test_names_appear_and_boxes_sit_on_the_faces(page: Page, device: Device4Tests) -> None:
    faces = (face(1, 60, "ada"), face(2, 300, None, "below_threshold"))
    show(page, device, *faces)
    expect(page.locator(".label.named")).to_have_text("Ada Lovelace")
    expect(page.locator("#status-text")).to_have_text("On screen: Ada Lovelace")
    expect(page.locator(".label:not(.named)")).to_be_hidden()
    expect(page.locator(".face.stranger")).to_have_count(1)
    picture = page.locator("#video").bounding_box()
    for one in faces:
        box = page.locator(f'.face[data-track="{one.track}"]').bounding_box()
        assert picture
        assert box
        centre = (box["x"] + box["width"] / 2 - picture["x"]) / picture["width"]
        assert abs(centre - (one.box[0] + one.box[2]) / 2 / SIZE[0]) < 0.02
    # and the picture below shows the face there: red where the box is
    colour = page.evaluate(
        "([x, y]) => Array.from(document.querySelector('#video').getContext('2d')"
        ".getImageData(x, y, 1, 1).data)",
        [110, 140],
    )
    assert colour[0] > 150 > 100 > colour[2]


def test_a_walk_by_keys_alone(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))
    page.keyboard.press("r")
    cards = page.locator(".card")
    expect(cards).to_have_count(2)
    expect(page.locator(".card.focus strong")).to_have_text("Ada Lovelace")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".card.focus strong")).to_have_text("Eve")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".card.focus strong")).to_have_text("Eve")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_visible()
    expect(page.locator("#card-name")).to_have_text("Ada Lovelace")
    expect(page.locator("#card-role")).to_have_text("Mathematician")
    expect(page.locator("#card-works li")).to_have_text("Notes (1843)")
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()
    expect(page.locator("#answer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#answer")).to_be_hidden()


def test_not_this_person(page: Page, device: Device4Tests) -> None:
    show(page, device, face(5, 60, "ada"))
    page.keyboard.press("r")
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("#card")).to_be_hidden()
    until(lambda: device.feedback.taken)  # the page does not wait for it
    assert device.feedback.taken == [(5, "ada")]


def test_a_name_is_never_markup(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "bob"))
    page.keyboard.press("r")
    expect(page.locator(".card strong")).to_have_text("<script>alert(1)</script>")
    expect(page.locator(".label")).to_have_text("<script>alert(1)</scr…")
    assert page.locator("script:not([src])").count() == 0


def test_look_alikes_are_a_or_b(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, None, "ambiguous"))
    expect(page.locator(".label.either")).to_have_text("Ada Lovelace or Eve")
    page.keyboard.press("r")
    expect(page.locator(".card strong")).to_have_text("Ada Lovelace or Eve")


def test_either_opens_both_cards(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, None, "ambiguous"))
    page.keyboard.press("r")
    expect(page.locator(".card.focus")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#card-name")).to_have_text("Ada Lovelace")
    expect(page.locator("#card-either")).to_contain_text("Ada Lovelace or Eve")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#card-name")).to_have_text("Eve")
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()


def test_left_and_right_step_through_open_cards(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, "ada"), face(2, 300, "eve"))
    page.keyboard.press("r")
    expect(page.locator('.face.chosen[data-id="ada"]')).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#card-name")).to_have_text("Ada Lovelace")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#card-name")).to_have_text("Eve")
    expect(page.locator('.face.chosen[data-id="eve"]')).to_have_count(1)
    assert page.evaluate("document.activeElement.id") == "act-only"
    page.keyboard.press("Escape")
    expect(page.locator(".card.focus strong")).to_have_text("Eve")
    assert page.evaluate("document.activeElement.id") == "cards"


def test_a_card_goes_on_when_the_answer_is_refined_before_it_came(
    page: Page, device: Device4Tests
) -> None:
    ada, eve = (
        AnswerPerson(name, {"": name}, {}, 0.6, track, (10.0, 0.0, 60.0, 50.0), "now", 0.0)
        for track, name in ((1, "ada"), (2, "eve"))
    )
    held: list[Route] = []
    page.route("**/api/people/eve", lambda route: held.append(route))  # noqa: PLW0108 it reads a signature
    device.hub.publish_answer(Answer(9, 0.0, refined=False, people=(ada, eve)))
    expect(page.locator(".card")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    device.hub.publish_answer(Answer(9, 0.0, refined=True, people=(ada,)))
    expect(page.locator(".card")).to_have_count(1)
    held[0].continue_()
    expect(page.locator("#card-name")).to_have_text("Ada Lovelace")
    expect(page.locator("#card")).to_be_visible()


def test_a_press_from_elsewhere_opens_the_row_and_a_closed_one_stays_closed(
    page: Page, device: Device4Tests
) -> None:
    show(page, device, face(1, 60, "ada"))
    answer = httpx.post(device.url + "api/press", json={})
    assert answer.status_code == 200
    expect(page.locator(".card strong")).to_have_text("Ada Lovelace")
    page.keyboard.press("Escape")
    expect(page.locator("#answer")).to_be_hidden()
    page.wait_for_timeout(700)  # the refined answer to the same press has come by now
    expect(page.locator("#answer")).to_be_hidden()


def test_unnamed_faces_say_why_once_asked(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, None, "too_small"))
    device.history.texts.put(device.index / 25, ("Ana <b>Ruiz</b>",))
    page.keyboard.press("r")
    says = "As the caption says: Ana <b>Ruiz</b>"
    expect(page.locator("#answer-title")).to_have_text("No one recognised")
    expect(page.locator("#says li")).to_have_text(says)  # beside the tiles, and read out
    expect(page.locator("#spoken")).to_contain_text(says)
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#unnamed")).to_have_text("1 face not recognised: too far away")
    expect(page.locator(".label")).to_be_hidden()
    expect(page.locator(".face.stranger")).to_be_visible()


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720)])
def test_text_and_keys_stay_in_the_safe_area(browser, device: Device4Tests, size) -> None:
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-US")
    page.goto(device.url)
    show(page, device, face(1, 0, "ada"), face(2, 540, "eve"))
    page.keyboard.press("r")
    expect(page.locator(".card.focus")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_visible()
    expect(page.locator(".label")).to_have_count(2)
    boxes = page.evaluate(  # at once, as the refined answer makes the cards again
        """selectors => selectors.map(s => [...document.querySelectorAll(s)]
        .map(e => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.bottom]; }))""",
        ["#card, #answer-title, .card.focus", ".label"],
    )
    assert [len(some) for some in boxes] == [3, 2]
    for left, right, bottom in boxes[0]:
        assert left >= 0.04 * width
        assert right <= 0.96 * width
        assert bottom <= 0.97 * height
    for left, right, _ in boxes[1]:  # at the picture's edges, and still whole
        assert left >= 0
        assert right <= width
    sizes = page.evaluate(
        """[...document.querySelectorAll("#card *, #answer *, header *")]
        .filter(e => e.offsetParent && e.childNodes.length && e.firstChild.nodeType === 3)
        .map(e => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 26 * height / 1080  # legible at three metres
    page.close()


def test_reduced_motion_and_quiet(browser, device: Device4Tests) -> None:
    page = browser.new_page(reduced_motion="reduce", locale="en-US")
    page.goto(device.url)
    show(page, device, face(1, 60, "ada"))
    expect(page.locator("#faces")).to_be_hidden()
    expect(page.locator("#status")).to_be_hidden()
    page.keyboard.press("r")
    expect(page.locator(".label")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    device.hub.publish_state("lost")
    page.keyboard.press("Escape")
    expect(page.locator("#message")).to_be_visible()
    expect(page.locator("#message")).to_contain_text("No signal")
    page.close()


def test_states(page: Page, device: Device4Tests) -> None:
    show(page, device, face(1, 60, None, "profile"))
    expect(page.locator("body")).to_have_attribute("data-state", "unknown")
    device.show()
    expect(page.locator("body")).to_have_attribute("data-state", "idle")
    device.hub.publish_state("lost")
    expect(page.locator("#status-text")).to_have_text("No signal")
    device.server.stop()
    expect(page.locator("body")).to_have_attribute("data-state", "offline")


def test_chinese(browser, device: Device4Tests) -> None:
    page = browser.new_page(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
    page.goto(device.url + "?show=always")
    show(page, device, face(1, 60, "ada"))
    expect(page.locator(".label")).to_have_text("爱达·洛夫莱斯")
    page.keyboard.press("r")
    expect(page.locator("#answer-title")).to_have_text("画面中的人物")
    expect(page.locator("#notice")).to_have_text("合成")
    page.close()


def test_comes_back_after_the_server_was_gone(browser) -> None:
    with serving() as first:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(first.url)
        expect(page.locator("body")).to_have_attribute("data-state", "connecting")
        port = first.server.port
    expect(page.locator("body")).to_have_attribute("data-state", "offline")
    from edge.serve.http import Device, Server, create_app

    with serving() as second:
        # the same address again, as after a restart of the service
        device = Device(second.history, second.people, second.feedback, second.hub)
        again = Server(create_app(device), port=port)
        again.start()
        second.hub.publish_state("playing")
        deadline = time.monotonic() + 20
        while page.get_attribute("body", "data-state") != "names" and time.monotonic() < deadline:
            second.show(face(1, 60, "ada"))
            page.wait_for_timeout(100)
        expect(page.locator("#status-text")).to_have_text("On screen: Ada Lovelace")
        again.stop()
    page.close()


def test_boxes_stay_on_the_faces_when_the_window_changes(page: Page, device: Device4Tests) -> None:
    one = face(1, 60, "ada")
    show(page, device, one)
    page.set_viewport_size({"width": 900, "height": 900})
    page.wait_for_timeout(100)
    picture = page.locator("#video").bounding_box()
    assert (round(picture["width"]), round(picture["height"])) == (900, 506)
    box = page.locator(".face").bounding_box()
    seen = (box["x"] + box["width"] / 2 - picture["x"]) / picture["width"]
    assert abs(seen - (one.box[0] + one.box[2]) / 2 / SIZE[0]) < 0.02
