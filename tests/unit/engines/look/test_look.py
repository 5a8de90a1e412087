"""One file of tokens: what pages and drawings take from it, and that nobody has colours beside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edge
from edge.output.annotate import ACCENT_RGB, PLATE_RGBA
from edge.serve.pages import page_file
from engines.look import colour, page_css, radius, tokens_css

PAGES = (
    *("serve/overlay/overlay.css", "serve/overlay/cards.css", "demo/panel/panel.css"),
    *("timeline/page.html", "cli/gallery_inspect.py", "../calibration/openset/report.html"),
)
TOKEN = re.compile(r"var\(--([a-z-]+)")
OWN = re.compile(r"--([a-z-]+):")


def test_a_colour_is_the_same_on_a_page_and_in_a_video() -> None:
    assert colour("accent") == (0x5A, 0xD1, 0xFF, 255)
    assert ACCENT_RGB["named"] == colour("accent")[:3]
    assert PLATE_RGBA == colour("glass") == (10, 14, 22, 209)
    assert colour("ink") == (255, 255, 255, 255)
    assert radius("round") == 0.7
    assert page_file("tokens.css").body.decode() == tokens_css()


@pytest.mark.parametrize("page", PAGES)
def test_pages_take_their_tokens_from_the_one_file(page: str) -> None:
    text = (Path(edge.__file__).parent / page).read_text()
    used = set(TOKEN.findall(text))
    assert used & set(OWN.findall(tokens_css())) or "page_css()" in text
    overlay = (Path(edge.__file__).parent / "serve/overlay/overlay.css").read_text()
    assert used <= set(OWN.findall(tokens_css() + overlay + text)) | {"hue", "name"}


def test_light_pages_replace_colours_and_nothing_else() -> None:
    light = page_css().partition("prefers-color-scheme: light")[2].partition("* {")[0]
    assert set(OWN.findall(light)) <= set(OWN.findall(tokens_css()))
