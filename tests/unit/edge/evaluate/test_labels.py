from pathlib import Path

import pytest

from edge.errors import UsageError
from edge.evaluate.labels import read_labels


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.json"
    path.write_text(text)
    return path


def test_reads_shots_and_ignores_other_keys(tmp_path: Path) -> None:
    text = '{"fps": "25", "shots": [{"first": 0, "last": 4, "visible": ["a"]}, '
    text += '{"first": 6, "last": 9, "visible": [], "note": "from behind"}]}'
    labels = read_labels(written(tmp_path, text))
    assert [labels.shot_of(frame) for frame in (0, 4, 5, 6, 9, 10)] == [0, 0, None, 1, 1, None]
    assert labels.shots[0].visible == ("a",)
    assert labels.shots[1].note == "from behind"


def shot_text(first: int, last: int) -> str:
    return f'{{"first": {first}, "last": {last}, "visible": []}}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, 2]", "expected"),
        ('{"shots": []}', "no shots"),
        ('{"shots": [{"first": 5, "last": 4, "visible": []}]}', "do not overlap"),
        (
            f'{{"shots": [{shot_text(0, 4)}, {shot_text(4, 8)}]}}',
            "do not overlap",
        ),
        ('{"shots": [{"first": 0, "last": 4}]}', "visible"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_labels(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json"):
        read_labels(tmp_path / "none.json")
