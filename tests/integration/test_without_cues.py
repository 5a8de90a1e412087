"""With all cues off their code need not even be there: the answers are the same to the bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.free import STAR
from tests.integration.conftest import shorten

if TYPE_CHECKING:
    from tests.free import Free

SCRIPT = Path(__file__).with_name("without_cues.py")


def test_answers_are_the_same_where_no_cue_can_be_imported(
    free: Free, few: Path, tmp_path: Path
) -> None:
    """In FP32, since of two precisions the faster one is used, which a race may tell otherwise."""
    film = tmp_path / "clip.mp4"
    shorten(free.clip, film, 45)  # a cut, and a face
    ran = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), how, str(film), str(few)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TVRADAR_PRECISION": "fp32"},
        )
        for how in ("absent", "present")
    ]
    printed = [process.communicate(timeout=600) for process in ran]
    assert [process.returncode for process in ran] == [0, 0], printed[0][1] + printed[1][1]
    absent, present = (json.loads(out) for out, _ in printed)
    said = absent["said"]
    assert said["identify"]["people"]
    assert said["timeline"]["people"]
    assert STAR in {face["id"] for faces in said["run"] for face in faces}
    assert said == present["said"]
    assert present["loaded"] == []  # nor is it loaded where it is there
    assert absent["models"] == present["models"] != []
    assert {name.split("-")[0] for name in present["models"]} <= {"yunet", "sface", "centerface"}
