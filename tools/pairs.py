"""Files of two columns: who is one person with whom, who belongs to a group."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def pairs_of(path: Path | None) -> list[tuple[str, str]]:
    """Return the rows of a file of two columns; none where there is no file."""
    if path is None:
        return []
    with path.open(encoding="utf-8") as file:
        return [(row[0], row[1]) for row in csv.reader(file) if len(row) >= 2]


def same_people(path: Path | None) -> set[frozenset[str]]:
    """Return pairs of names that are one person, or twins, from such a file."""
    return {frozenset(pair) for pair in pairs_of(path)}
