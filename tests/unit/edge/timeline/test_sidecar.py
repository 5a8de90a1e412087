"""The sidecar: what players show of a film."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.recognise.scene import Candidate, Face, Scene
from edge.timeline.sidecar import (
    Sidecar,
    SidecarBuilder,
    SidecarWork,
    encode,
    read_sidecar,
    sidecar_path,
    thinned,
)
from gallery.store.person import Person, Work

LIN = Person(
    "lin",
    {"en": "Lin", "zh": "林"},
    {"en": "actress"},
    works=(Work({"en": "A Film", "zh": "影片"}, 1999, "Mei"),),
    photo=b"\xff\xd8\xffphoto",
)


def person(person_id: str) -> Person:
    return LIN if person_id == "lin" else Person(person_id, {"en": person_id.title()})


def face(track: int, box: tuple[float, float, float, float], who: str | None = "lin") -> Face:
    if who is None:
        return Face(track, box, None, 0.2, "below_threshold", (Candidate("lin", 0.2),))
    return Face(track, box, who, 0.6, None, (Candidate(who, 0.6),))


def scene(index: int, shot: int, *faces: Face) -> Scene:
    return Scene(index / 25, index, 200, 100, shot, faces, 1)


def built(*scenes: Scene) -> Sidecar:
    builder = SidecarBuilder()
    for one in scenes:
        builder.take(one)
    return builder.result("film.mp4", person, lang="zh", complete=True)


def test_a_face_that_moves_in_a_line_takes_two_boxes() -> None:
    made = built(*(scene(n, 0, face(1, (10 + n, 10, 30 + n, 50))) for n in range(26)))

    (track,) = made.tracks
    assert (track.ids, track.start_s, track.end_s) == (("lin",), 0.0, 1.04)
    assert track.boxes == ((0.0, 0.05, 0.1, 0.15, 0.5), (1.0, 0.175, 0.1, 0.275, 0.5))
    assert (made.duration_s, made.frame_s, made.source) == (1.04, 0.04, "film.mp4")


def test_cuts_gaps_and_who_has_no_name() -> None:
    stranger = face(7, (100, 10, 120, 30), None)
    doubtful = Face(
        8, (1, 1, 9, 9), None, 0.4, "ambiguous", (Candidate("ada", 0.4), Candidate("eve", 0.39))
    )
    shots = [scene(n, 0, face(1, (0, 0, 20, 20)), stranger) for n in (0, 1, 2, 30, 31)]
    made = built(*shots, scene(32, 1, doubtful), scene(33, 1, doubtful))

    assert [(t.ids, t.start_s, t.end_s) for t in made.tracks] == [
        (("lin",), 0.0, 0.12),
        (("lin",), 1.2, 1.28),
        (("ada", "eve"), 1.28, 1.36),
    ]
    assert [(s.start_s, s.end_s, s.people) for s in made.shots] == [
        (0.0, 1.28, ("lin",)),
        (1.28, 1.36, ()),
    ]
    assert [p.id for p in made.people] == ["lin", "ada", "eve"]


def test_the_card_is_in_the_wanted_language() -> None:
    (card,) = built(scene(0, 0, face(1, (0, 0, 20, 20)))).people

    assert (card.name, card.role) == ("林", "actress")
    assert card.works == (SidecarWork("影片", 1999, "Mei"),)
    assert card.photo.startswith("data:image/jpeg;base64,/9j/")


def test_a_film_without_anybody() -> None:
    assert built().tracks == ()
    assert built(scene(0, 0)).shots[0].people == ()


def test_it_is_read_again(tmp_path: Path) -> None:
    made = built(scene(0, 0, face(1, (0, 0, 20, 20))))
    path = tmp_path / "film.tvradar.json"
    path.write_bytes(encode(made))
    assert read_sidecar(path) == made

    path.write_bytes(encode(made).replace(b'"version":1', b'"version":2'))
    with pytest.raises(UsageError, match="version 2, expected 1"):
        read_sidecar(path)
    path.write_text("{}")
    with pytest.raises(UsageError, match="expected what"):
        read_sidecar(path)


@pytest.mark.parametrize(
    ("film", "beside"),
    [
        ("film.mp4", "film.tvradar.json"),
        ("Mr. Robot S01E01.mkv", "Mr. Robot S01E01.tvradar.json"),
        ("Dr. No", "Dr. No.tvradar.json"),
        ("film", "film.tvradar.json"),
    ],
)
def test_where_it_lies(film: str, beside: str) -> None:
    assert sidecar_path(Path("a") / film) == Path("a") / beside


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60
    ),
    st.floats(0.001, 0.3),
)
def test_no_point_is_missed_by_more(steps: list[tuple[int, float, float]], most: float) -> None:
    points = np.array(steps, np.float64)
    points[:, 0] = np.cumsum(points[:, 0])

    kept = points[thinned(points, most)]

    for n in (1, 2):
        shown = np.interp(points[:, 0], kept[:, 0], kept[:, n])
        assert np.abs(shown - points[:, n]).max() <= most + 1e-9
