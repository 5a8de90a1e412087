"""What `tools/arm64_trial.sh` says of two machines' answers."""

from __future__ import annotations

from typing import Any

from tools.arm64_table import compare, differing, told


def face(frame: int, left: float, person: str | None, score: float) -> dict[str, Any]:
    return {"frame": frame, "box": [left, 0.0, left + 50, 60.0], "id": person, "score": score}


def test_another_name_is_told_with_its_frame() -> None:
    here = [face(0, 10, "ann", 0.5), face(1, 12, "ann", 0.4)]
    there = [face(0, 11.5, "ann", 0.52), face(1, 12, None, 0.31)]
    assert differing(here, here) == ("same names, boxes at most 0.0 px apart, scores 0.0000", True)
    text, same = differing(here, there)
    assert text == "frame 1: ann and None; boxes at most 1.5 px apart, scores 0.0900"
    assert not same
    assert differing(here, there[:1]) == ("OTHER FACES", False)
    assert told(here) == "2 faces: ann 0.5000 in 2 frames"


def test_an_answer_that_was_not_waited_for_is_missing(capsys) -> None:
    answer = {"faces": [face(0, 10, "ann", 0.5)], "pictures": []}
    assert not compare("INT8", "clip", answer, None)
    assert "MISSING" in capsys.readouterr().out
    assert compare("INT8", "clip", answer, answer)
