"""docs/field.md lists each key of the configuration with its default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.config import RunConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[3] / "docs" / "field.md"
ROW = re.compile(r"^\| `([a-z_.]+)` \| (?:`(.*?)`)? ?\| \S.* \|$", re.MULTILINE)


def keys(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.default, msgspec.Struct):
            yield from keys(type(field.default), f"{prefix}{field.name}.")
        else:
            factory = field.default_factory
            default = field.default if factory is msgspec.NODEFAULT else factory()
            yield f"{prefix}{field.name}", default


def test_every_key_and_its_default_are_documented() -> None:
    settings = PAGE.read_text().split("## Settings")[1].split("\n## ")[0]
    told = dict(ROW.findall(settings))
    expected = dict(keys(RunConfig))
    assert told.keys() == expected.keys()
    for key, default in expected.items():
        if told[key]:
            read = msgspec.toml.decode(f"x = {told[key]}")["x"]
            assert msgspec.json.encode(read) == msgspec.json.encode(default), key
        else:
            assert default is None, key
