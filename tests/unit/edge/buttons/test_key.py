from __future__ import annotations

from edge.buttons.key import KeyLogic


def test_a_press_is_told_at_once_and_bounce_is_not_told() -> None:
    key = KeyLogic(0.03, 0.8)
    assert key.down(10.0) == "press"
    key.up(10.002)
    assert key.down(10.004) is None
    key.up(10.1)
    assert key.down(10.2) == "press"


def test_a_long_press_is_told_once_whether_the_device_repeats_or_not() -> None:
    key = KeyLogic(0.03, 0.8)
    assert key.down(1.0) == "press"
    assert key.due_s() == 1.8
    assert key.down(1.5) is None
    assert key.held(1.79) is None
    assert key.held(1.81) == "long"
    assert key.due_s() is None
    assert key.down(1.9) is None
    key.up(2.0)
    assert key.held(9.0) is None
