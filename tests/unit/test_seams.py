"""Tests give our code a fake at a seam; none replaces a part of it while it runs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).resolve().parents[1]
OURS = ("calibration", "edge", "engines", "gallery")
PATCHING = {"setattr", "delattr", "patch", "object"}


def is_ours(module: str | None) -> bool:
    return bool(module) and str(module).split(".")[0] in OURS


def names_of_ours(tree: ast.AST) -> set[str]:
    """Return what a file imports from our packages, by the names that it uses."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_ours(node.module):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            ours = [alias for alias in node.names if is_ours(alias.name)]
            found |= {alias.asname or alias.name.split(".")[0] for alias in ours}
    return found


def root_of(node: ast.expr) -> str:
    """Return `a` of `a.b.c`, the text of a string, and nothing of anything else."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        return node.id
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def patches(text: str) -> Iterator[int]:
    """Yield the lines in which something of ours is replaced."""
    tree = ast.parse(text)
    ours = names_of_ours(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else root_of(node.func)
            target = root_of(node.args[0])
            if name in PATCHING and (target in ours or ("." in target and is_ours(target))):
                yield node.lineno
        elif isinstance(node, ast.Assign):
            places = [t for t in node.targets if isinstance(t, ast.Attribute)]
            if any(root_of(place) in ours for place in places):
                yield node.lineno


def test_no_test_replaces_a_part_of_ours() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in patches(path.read_text())
    ]
    assert not found, "give the code a parameter with a default, and the test a fake for it"


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ('monkeypatch.setattr("engines.files.os.fsync", fake)', True),
        ('monkeypatch.setattr(fetch, "download", fake)', True),
        ('monkeypatch.setattr(fetch.Source, "name", fake)', True),
        ('mock.patch("gallery.store.store.open")', True),
        ("fetch.LIMIT = 3", True),
        ('monkeypatch.setattr(os, "fsync", fake)', False),
        ('monkeypatch.setenv("TVRADAR_CACHE", "x")', False),
        ("made.limit = 3", False),
    ],
)
def test_the_check_sees(line: str, counts: bool) -> None:  # noqa: FBT001
    imports = "import os\nfrom engines import fetch\n"
    assert bool([*patches(imports + line)]) is counts
