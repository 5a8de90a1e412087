"""Many people with hostile names, brought into each state, and what then lies over what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from edge.recognise.scene import Candidate, Face
from edge.serve.messages import PairingCode
from gallery.store.person import Person, Work
from tests.serving import SIZE, photo

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.serving import Device4Tests

NAMES = (
    "Wolfeschlegelsteinhausenbergerdorff",
    "Ada Lovelace, Countess of Lovelace, the first programmer of all",
    "\u202eevilo reversed\u202c",
    "محمد بن عبد الله بن محمد اللواتي الطنجي ابن بطوطة",
    "爱达·洛夫莱斯伯爵夫人奥古斯塔·金诺埃尔拜伦",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "<img src=x onerror=alert(1)>",
    "👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈👩‍🚀",
    "Z̸̢̛̲͉͈͂̎͋a̷l̶g̷o̸ ̵t̶e̷x̸t̴ ̷H̸e̶ ̴C̸o̶m̷e̸s̴",
    "Al",
    "Nebuchadnezzar\tII\nof\tBabylon",
    "ประเสริฐอักษรนิติ์ กัลยาณมิตร",
    "Þórarinn Guðmundsson-Ævarsdóttir",
    'O\'Brien "The Rock" & Sons; DROP TABLE people',
)
LONG = "a very long description that goes on and on about what this person has done in life " * 6
PEOPLE = {
    f"p{n}": Person(
        f"p{n}",
        {"en": name.replace("\t", " ").replace("\n", " "), "zh": name[:40]},
        {"en": LONG[: 20 + 30 * n]},
        {"en": LONG * 3},
        tuple(Work({"en": LONG[:80]}, 1900 + i, LONG[:60]) for i in range(6)),
        photo=photo() if n % 2 else b"",
    )
    for n, name in enumerate(NAMES)
}
OVERLAPS = """() => {
  const seen = e => {
    const b = e.getBoundingClientRect(), s = getComputedStyle(e);
    const shown = s.visibility === "visible" && s.opacity > 0;
    return b.width && b.height && shown && e.textContent.trim();
  };
  const name = e => (e.id || e.className) + ": " + e.textContent.slice(0, 20);
  const leaves = (b, o, edge) => b.left < o.left - edge || b.right > o.right + edge ||
    b.top < o.top - edge || b.bottom > o.bottom + edge;
  const all = ".label, .card, #status, #radar, #only-now, #toast, #notice, #answer-title, " +
    "#answer-count, #answer-keys, #unnamed, #says li, #card, #naming, #pairing, " +
    "#message > div, .scene, #only-title, #only-sum, #only-keys, #only-why";
  const found = [...document.querySelectorAll(all)].filter(seen)
    .map(e => ({ e, what: name(e), b: e.getBoundingClientRect() }));
  const wrong = [], edge = .5;
  const on = { left: 0, right: innerWidth, top: 0, bottom: innerHeight };
  found.forEach((one, i) => {
    const tile = one.e.matches(".card, .scene"), b = one.b;
    if (!tile && leaves(b, on, edge)) { wrong.push(one.what + " leaves the screen"); }
    found.slice(i + 1).forEach(other => {
      const w = Math.min(b.right, other.b.right) - Math.max(b.left, other.b.left);
      const h = Math.min(b.bottom, other.b.bottom) - Math.max(b.top, other.b.top);
      if (w > edge && h > edge) { wrong.push(one.what + " over " + other.what); }
    });
  });
  document.querySelectorAll(".card, #card, #naming, .scene").forEach(card => { // no text outside
    if (!seen(card)) { return; }
    const b = card.getBoundingClientRect();
    card.querySelectorAll("strong, span, em, h2, p, button").forEach(e => {
      const r = e.getBoundingClientRect();
      if (r.width && leaves(r, b, edge)) { wrong.push(name(e) + " leaves " + card.id); }
    });
  });
  const tiles = found.filter(one => one.e.classList.contains("card"));
  const inView = tiles.filter(one => one.b.left >= 0 && one.b.right <= innerWidth);
  return { wrong, labels: found.filter(one => one.e.classList.contains("label")).length,
    tiles: tiles.length, inView: inView.length,
    ratio: tiles.length ? tiles[0].b.height / tiles[0].b.width : 0 };
}"""


def faces(count: int) -> list[Face]:
    """Return this many people close to each other, and a stranger and an "A or B" beside seven."""
    columns = math.ceil(math.sqrt(count * 2)) if count > 1 else 1
    rows = math.ceil(count / columns)
    side = min(70.0, 0.55 * SIZE[0] / columns, 0.5 * SIZE[1] / rows)
    found = []
    for n in range(count):
        left = (n % columns + 0.5) * SIZE[0] / columns - side / 2
        top = (n // columns + 0.4) * SIZE[1] / rows - side / 2
        box = (left, top, left + side, top + 1.2 * side)
        found.append(Face(n + 1, box, f"p{n}", 0.6, None, (), 0.9))
    if count >= 7:
        pair = (Candidate("p0", 0.5), Candidate("p1", 0.5))
        found[1] = Face(2, found[1].box, None, 0.5, "ambiguous", pair, 0.5)
        found[2] = Face(3, found[2].box, None, 0.2, "too_small", (), 0.0)
    return found


LAST = """count => { for (let n = 0; n < count; n += 1) {
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
} }"""
STATES = ("names", "answer", "last", "card", "only", "toast")
NAMING = ("naming", "sure")
"""Where there is a stranger."""


def bring(page: Page, device: Device4Tests, count: int, state: str) -> None:
    """Go from one state to the next, in the order of `STATES`."""
    if state == "names":
        device.hub.publish_other(PairingCode("", 0.0))
        for _ in range(4):
            page.keyboard.press("Escape")
        expect(page.locator("#answer")).to_be_hidden()  # else the next one replaces it at any time
        device.show(*faces(count))
        expect(page.locator(".face:not(.fading)")).to_have_count(count)
        page.wait_for_timeout(500)  # the status line has settled, too
    elif state == "answer":
        device.history.texts.put(device.index / 25, ("Ana Ruiz", "Maximiliane von der Hagen-Ruiz"))
        page.keyboard.press("r")
        expect(page.locator(".card.focus:visible")).to_have_count(1)
    elif state == "last":
        page.evaluate(LAST, count)
    elif state == "card":
        page.keyboard.press("Enter")
        expect(page.locator("#card")).to_be_visible()
    elif state == "only":
        page.keyboard.press("Enter")
        expect(page.locator("#only")).to_be_visible()
    elif state == "naming":
        page.keyboard.press("r")
        page.locator(".card.unknown:visible").first.evaluate("node => node.click()")
        expect(page.locator("#naming")).to_be_visible()
        device.hub.publish_other(PairingCode("123456", 60.0))
        expect(page.locator("#pairing")).to_be_visible()
        page.keyboard.type("W" * 64)
    elif state == "sure":
        page.locator("#naming-letters button").last.evaluate("node => node.click()")
        expect(page.locator("#naming-sure")).to_be_visible()
    else:
        if page.locator("#only").is_visible():
            page.keyboard.press("Escape")
        page.keyboard.press("x")
        expect(page.locator("#card")).to_be_hidden()
        expect(page.locator("#toast")).to_be_visible()
    page.wait_for_timeout(120)


def look(page: Page) -> dict[str, Any]:
    """Return what lies over what, and what leaves the screen."""
    found: dict[str, Any] = page.evaluate(OVERLAPS)
    return found
