"""The files of the overlay's page, and what it says in each language."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
from starlette.responses import PlainTextResponse, Response

from engines.look import tokens_css

KINDS = {
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
TOKENS = "tokens.css"
TEXTS = "texts.js"
"""All languages: one file each in `overlay/languages`, and nothing else to do for one more."""


def page_file(name: str) -> Response:
    """Return a file of the page, 404 where there is none of this name."""
    data = texts() if name == TEXTS else tokens_css().encode() if name == TOKENS else _file(name)
    if data is None:
        return PlainTextResponse("not found\n", 404)
    kind = KINDS["." + name.rpartition(".")[2]]
    return Response(data, media_type=kind, headers={"cache-control": "no-cache"})


def _file(name: str) -> bytes | None:
    return (
        resources.files("edge.serve").joinpath("overlay", name).read_bytes()
        if name in _names()
        else None
    )


@cache
def _names() -> frozenset[str]:
    folder = resources.files("edge.serve").joinpath("overlay")
    return frozenset(
        one.name for one in folder.iterdir() if "." + one.name.rpartition(".")[2] in KINDS
    )


@cache
def languages() -> dict[str, dict[str, object]]:
    """Return what the page says, by language and key."""
    folder = resources.files("edge.serve").joinpath("overlay", "languages")
    files = sorted(folder.iterdir(), key=lambda one: one.name)
    return {
        one.name.removesuffix(".json"): msgspec.json.decode(one.read_bytes())
        for one in files
        if one.name.endswith(".json")
    }


@cache
def texts() -> bytes:
    """Return the script that gives the page its texts."""
    return b"window.tvradarTexts = " + msgspec.json.encode(languages()) + b";\n"
