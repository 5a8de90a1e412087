"""Numbers in words, and what folders cannot tell, known before minutes of work."""

from __future__ import annotations

import pytest

from edge.cli.console import counted
from edge.cli.evaluate import check_folders


def test_plurals_are_right() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert counted(1, "person", "people") == "1 person"
    assert counted(3, "person", "people") == "3 people"


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ({"ada", "eve"}, "nobody of the gallery"),
        ({"bob"}, "no strangers"),
        ({"ada", "bob"}, ""),
    ],
)
def test_which_half_of_the_figures_folders_cannot_give(folders: set[str], told: str) -> None:
    found = check_folders(folders, {"bob", "joe"})
    assert found.startswith(told)
    assert bool(found) == bool(told)
