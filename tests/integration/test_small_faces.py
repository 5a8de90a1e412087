"""Reading a film moment by moment loses no small faces; `tools/` has it for many people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.free import Free

ROOT = Path(__file__).parents[2]


def test_a_composed_film_gives_its_table(free: Free, tmp_path: Path) -> None:
    def run(*words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    film = tmp_path / "film"
    run("tools/compose_faces.py", free.people, film, "--shots", "1", "--frames", "18")
    found = json.loads(run("tools/faces_by_size.py", film))
    assert set(found["moment"]["recall"]) == {"20", "30", "40"}
    for side, share in found["frame"]["recall"].items():
        assert found["moment"]["recall"][side] >= share - 0.06, side
    assert found["frame"]["recall"]["40"] > 0.9
    assert found["moment"]["wrong"] == found["frame"]["wrong"] == 0
