"""Values out of JSON that others wrote: the right type, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gallery.store.limits import MAX_NAME_BYTES
from gallery.titles.title import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_TITLES = 200_000
"""Of one library; a server that never comes to an end is left there."""


def paged(
    ask: Callable[[int], tuple[object, object]], size: int, what: str, incomplete: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield the titles of all pages of a list, until one is empty.

    Args:
        ask: returns the page that begins at a number, and how many titles the server says it has.
        size: of a page.
        what: the list's name, for messages.
        incomplete: is told where fewer came than the server said.
    """
    start, total, given = 0, 1, 0
    said = None
    while start < total:
        page, promised = ask(start)
        said = number(promised) if said is None else said
        found = records(page)
        total = min(number(promised), MOST_TITLES) if found else start
        given += len(found)
        yield from found
        start += size
    if given < (said or 0):
        incomplete.append(f"{what}: the server says that it has {said} and gave {given}")


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
