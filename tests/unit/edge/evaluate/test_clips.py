from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.evaluate.clips import (
    Clip,
    average_precision,
    mean_average_precision,
    read_clips,
    scores_of,
)
from edge.offline.summary import IdentifiedFace
from edge.recognise.scene import Candidate


def test_average_precision_by_hand() -> None:
    assert average_precision([True, False, True], 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([True], 4) == pytest.approx(0.25)  # three clips were not found
    assert average_precision([], 3) == 0


def test_the_mean_is_over_all_people_and_clips_of_nobody_cost() -> None:
    a, b, c, d = (Path(name) for name in "abcd")
    clips = [Clip(a, "x"), Clip(b, "x"), Clip(c, "y"), Clip(d, None)]
    scores = {a: {"x": 0.9}, b: {"x": 0.2}, c: {"x": 0.1}, d: {"x": 0.5, "y": 0.1}}
    x = (1 + 2 / 3) / 2
    assert mean_average_precision(scores, clips) == pytest.approx((x + 0) / 2)
    perfect = {a: {"x": 1.0}, b: {"x": 1.0}, c: {"y": 1.0}, d: {}}
    assert mean_average_precision(perfect, clips) == 1


def test_no_more_than_a_hundred_clips_count() -> None:
    wrong = {Path(f"w{n:03}"): {"x": 0.9} for n in range(100)}
    right = Path("right")
    clips = [Clip(right, "x"), *(Clip(path, None) for path in wrong)]
    assert mean_average_precision({**wrong, right: {"x": 0.8}}, clips) == 0
    fewer = dict(list(wrong.items())[:99])
    assert mean_average_precision({**fewer, right: {"x": 0.8}}, clips) == pytest.approx(0.01)


def test_a_name_comes_before_a_likeness() -> None:
    def face(person: str | None, *scores: tuple[str, float]) -> IdentifiedFace:
        found = tuple(Candidate(i, s) for i, s in scores)
        return IdentifiedFace(
            0, 0, 1, (0, 0, 9, 9), person, None, scores[0][1], None, found, 0, 0.75
        )

    faces = (face(None, ("a", 0.5), ("b", 0.3)), face("b", ("b", 0.4), ("a", 0.2)))
    assert scores_of(faces) == {
        "a": 0.5,
        "b": pytest.approx(2.15),
    }


def test_a_list_names_clips_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# clips\n\na b.mp4\tlin\nother.mp4\t-\n")
    assert read_clips(path) == (
        Clip(tmp_path / "a b.mp4", "lin"),
        Clip(tmp_path / "other.mp4", None),
    )


@pytest.mark.parametrize("text", ["a.mp4 lin", "\tlin", "a\tb\na\tc", "a.mp4\t-", "", "\xff"])
def test_a_wrong_list_is_refused_with_what_is_expected(text: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"list\.txt: "):
        read_clips(path)
