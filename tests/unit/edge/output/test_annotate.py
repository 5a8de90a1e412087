from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.output.annotate import Annotator, blend, make_plate
from edge.recognise.scene import Candidate, Face, Scene

NAMED = Face(1, (60.0, 40.0, 120.0, 110.0), "ann", 0.7, None)
NAMES = {"ann": "Ann Lee", "bob": "乔·拜登"}


def scene(*faces: Face, width: int = 320, height: int = 240) -> Scene:
    return Scene(0.0, 0, width, height, 0, faces, 1)


def grey(height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def changed(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    rows, cols = np.nonzero((before != after).any(axis=2))
    return int(cols.min()), int(rows.min()), int(cols.max()), int(rows.max())


def test_the_frame_given_is_untouched_and_an_empty_scene_changes_nothing() -> None:
    frame = grey()
    frame.flags.writeable = False
    assert (Annotator().draw(frame, scene(), NAMES) == frame).all()
    assert (Annotator().draw(frame, scene(NAMED), NAMES) != frame).any()
    assert (frame == 128).all()


def test_the_frame_lies_on_the_box_and_the_plate_below() -> None:
    frame = grey()
    left, top, right, bottom = changed(frame, Annotator().draw(frame, scene(NAMED), NAMES))
    assert 36 <= top <= 40
    assert 110 < bottom < 150
    assert left <= 60
    assert right >= 120
    assert (left + right) / 2 == pytest.approx(90, abs=2)


def test_boxes_scale_to_a_frame_of_another_size() -> None:
    frame = grey(480, 640)
    _, top, _, _ = changed(frame, Annotator().draw(frame, scene(NAMED), NAMES))
    assert 74 <= top <= 80


def test_without_a_name_there_is_no_plate_and_it_can_be_hidden() -> None:
    unknown = Face(1, NAMED.box, None, 0.2, "below_threshold")
    frame = grey()
    _, _, _, bottom = changed(frame, Annotator().draw(frame, scene(unknown), NAMES))
    assert bottom <= 113
    hidden = Annotator(show_unknown=False).draw(frame, scene(unknown), NAMES)
    assert (hidden == frame).all()


def test_either_of_two_is_written_out() -> None:
    two = (Candidate("ann", 0.4), Candidate("bob", 0.39))
    either = Face(1, NAMED.box, None, 0.4, "ambiguous", two)
    drawn = Annotator().draw(grey(), scene(either), NAMES)
    single = Annotator().draw(grey(), scene(NAMED), NAMES)
    left, _, right, _ = changed(grey(), drawn)
    narrow = changed(grey(), single)
    assert right - left > narrow[2] - narrow[0]


def test_a_plate_at_the_lower_edge_goes_above() -> None:
    low = Face(1, (60.0, 150.0, 120.0, 236.0), "ann", 0.7, None)
    _, top, _, _ = changed(grey(), Annotator().draw(grey(), scene(low), NAMES))
    assert top < 140


def test_plates_are_drawn_once() -> None:
    annotator = Annotator()
    first, second = (annotator.draw(grey(), scene(NAMED), NAMES) for _ in range(2))
    assert (first == second).all()
    assert len(annotator._plates) == 1


def test_plates_kept_are_bounded() -> None:
    annotator = Annotator()
    for n in range(260):
        annotator.draw(grey(), scene(NAMED), {"ann": f"n{n}"})
    assert len(annotator._plates) == 256


coordinate = st.one_of(
    st.floats(-2000, 2000), st.sampled_from([float("inf"), float("nan"), 1e30, -1e30])
)


@settings(max_examples=60, deadline=None)
@given(st.tuples(coordinate, coordinate, coordinate, coordinate), st.text(max_size=80))
def test_any_box_and_any_name_can_be_drawn(
    box: tuple[float, float, float, float], name: str
) -> None:
    face = Face(1, box, "x", 0.5, None)
    name = "".join(c for c in name if ord(c) < 0x500)  # a font look-up for each text would be slow
    assert Annotator().draw(grey(90, 70), scene(face), {"x": name}).shape == (90, 70, 3)


def test_blending_cuts_at_each_edge_and_is_exact() -> None:
    plate = np.zeros((6, 8, 4), np.float32)
    plate[..., 0], plate[..., 3] = 0.5, 0.5  # blue, half transparent
    for left, top in itertools.product((-20, -3, 0, 5, 9, 30), repeat=2):
        frame = np.full((10, 12, 3), 100, np.uint8)
        wide = np.full((80, 80, 3), 100, np.uint8)
        blend(frame, plate, left, top)
        wide[30 + top : 36 + top, 30 + left : 38 + left] = (178, 50, 50)
        assert (frame == wide[30:40, 30:42]).all()


def test_scripts_are_not_drawn_as_the_same_boxes() -> None:
    first, second = make_plate("乔", "named", 2), make_plate("艾", "named", 2)
    same = first.shape == second.shape and (first == second).all()
    if same:
        pytest.skip("this machine has no Chinese font")
    assert not same


def test_a_long_name_and_line_breaks_give_one_line() -> None:
    assert make_plate("a\nb", "named", 2).shape == make_plate("a b", "named", 2).shape
    assert make_plate("x" * 500, "named", 2).shape[1] < 2000
