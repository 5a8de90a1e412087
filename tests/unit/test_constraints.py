"""Pinned versions can be installed with each version of Python that the project is for."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_no_pin_asks_for_a_newer_python(python: str) -> None:
    asked = {}
    for line in CONSTRAINTS.read_text().splitlines():
        pin = Requirement(line)
        marks = {"python_version": python, "python_full_version": f"{python}.0"}
        if pin.marker is not None and not pin.marker.evaluate(marks):
            continue
        try:
            found = metadata.metadata(pin.name)
        except metadata.PackageNotFoundError:
            continue  # of another machine or version
        if pin.specifier.contains(found["Version"], prereleases=True):
            asked[line] = found.get("Requires-Python") or ""
    assert len(asked) > 50
    assert [p for p, needs in asked.items() if f"{python}.0" not in SpecifierSet(needs)] == []
