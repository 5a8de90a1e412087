"""Numbers in words, and folders that are refused before minutes of work."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.console import counted
from edge.cli.evaluate import check_folders
from edge.errors import UsageError

FOLDER = Path("people")


def test_plurals_are_right() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert counted(1, "person", "people") == "1 person"
    assert counted(3, "person", "people") == "3 people"


@pytest.mark.parametrize(
    ("folders", "told"),
    [({"ada", "eve"}, "no folder's name"), ({"bob"}, "every folder's name")],
)
def test_folders_without_a_figure_are_refused_at_once(folders: set[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_folders(folders, {"bob", "joe"}, FOLDER)


def test_some_of_both_pass() -> None:
    check_folders({"ada", "bob"}, {"bob", "joe"}, FOLDER)
