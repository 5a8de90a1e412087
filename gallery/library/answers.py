"""Values out of JSON that others wrote: the right type, or nothing."""

from __future__ import annotations

from typing import Any

from gallery.store.limits import MAX_NAME_BYTES
from gallery.titles.title import one_line

MOST_TITLES = 200_000
"""Of one library; a server that never comes to an end is left there."""


def total_of(value: object, start: int, found: list[dict[str, Any]]) -> int:
    """Return how many titles to ask for, by what a server says with a page of them.

    Args:
        value: how many it says that there are.
        start: where the page begins.
        found: the page; after an empty one nothing more comes.
    """
    return min(number(value), MOST_TITLES) if found else start


def records(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list; an empty list for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def record(value: object) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text(value: object, most: int = MAX_NAME_BYTES) -> str:
    """Return a text or number as one line, at most this many bytes; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return one_line(str(value), most)


def number(value: object) -> int:
    """Return a whole number that is not negative; 0 for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
