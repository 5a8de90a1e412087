"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def within(timeout_s: float, condition: Callable[[], Any], step_s: float = 0.02) -> Any:
    """Wait for something true, and return it, or what it was when the time was over."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(step_s)
    return found


def until(condition: Callable[[], Any], timeout_s: float = 40, step_s: float = 0.02) -> Any:
    """Wait for something true, and return it.

    Args:
        condition: asked again and again.
        timeout_s: fails when it was not true by then.
        step_s: pause between two questions.
    """
    found = within(timeout_s, condition, step_s)
    assert found, "it never came"
    return found
