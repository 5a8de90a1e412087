"""A crafted release: a function that changes a good one; `cases` has them all.

Its name says what is wrong. What must become of it: `refused`, `installed`, or `either`, where
chance decides (random bytes). Whatever is installed, the recogniser has to serve.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tests.attacks.forge import Forgery

Fate = Literal["refused", "installed", "either"]
Change = "Callable[[Forgery, Generator], object]"


@dataclass(frozen=True)
class Case:
    """A named attack."""

    name: str
    fate: Fate
    change: Callable[[Forgery, Generator], object]


CASES: dict[str, Case] = {}


def case(fate: Fate = "refused") -> Callable[[Any], Any]:
    def add(change: Any) -> Any:
        name = change.__name__
        assert name not in CASES
        CASES[name] = Case(name, fate, change)
        return change

    return add


def each(fate: Fate, prefix: str, **changes: Any) -> None:
    """Add short cases, which take the forgery and chance."""
    for name, change in changes.items():
        full = f"{prefix}_{name}"
        assert full not in CASES
        CASES[full] = Case(full, fate, change)


def read_record(f: Forgery, ordinal: int = 3) -> dict[str, Any]:
    return json.loads(str(f.rows()[ordinal][2]))


def change_record(f: Forgery, ordinal: int = 3, **fields: Any) -> None:
    """Change fields of a record, in the form that we write."""
    f.set_row(ordinal, record=written({**read_record(f, ordinal), **fields}))


def written(record: dict[str, Any]) -> str:
    """Return a record with the languages in our order, so that its form is not what is refused."""
    sorted_ = {k: dict(sorted(v.items())) if isinstance(v, dict) else v for k, v in record.items()}
    return msgspec.json.encode(sorted_).decode()


def set_text(f: Forgery, text: str, ordinal: int = 3) -> None:
    f.set_row(ordinal, record=text)


def set_id(f: Forgery, person_id: Any, ordinal: int = -1) -> None:
    """Give the last person another id, in the record too."""
    rows = f.rows()
    record = {**json.loads(str(rows[ordinal][2])), "id": person_id}
    f.set_row(len(rows) - 1, id=person_id, record=msgspec.json.encode(record).decode())


def put_at(array: Any, rng: Generator, value: Any) -> Any:
    array[rng.integers(len(array))] = value
    return array
