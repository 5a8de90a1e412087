"""The family look: one file of tokens for all pages, and for what is drawn without a browser."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_TOKEN = re.compile(r"--([a-z-]+):\s*([^;]+);")
_RGBA = re.compile(r"rgba\((\d+), (\d+), (\d+), ([\d.]+)\)")


@cache
def tokens_css() -> str:
    """Return the tokens as CSS."""
    return _read("tokens.css")


@cache
def page_css() -> str:
    """Return the style of a page that is read at a desk: the tokens, and what is built of them."""
    return tokens_css() + _read("page.css")


def colour(name: str) -> tuple[int, int, int, int]:
    """Return a token's colour: red, green, blue and alpha, 0 to 255."""
    value = _tokens()[name]
    if found := _RGBA.fullmatch(value):
        red, green, blue = (int(found[i]) for i in (1, 2, 3))
        return red, green, blue, round(255 * float(found[4]))
    digits = value.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue, 255


def radius(name: str) -> float:
    """Return a token's radius, in units of the text."""
    return float(_tokens()[name])


@cache
def _tokens() -> dict[str, str]:
    return {name: value.strip() for name, value in _TOKEN.findall(tokens_css())}


def _read(name: str) -> str:
    return resources.files("engines.look").joinpath(name).read_text(encoding="utf-8")
