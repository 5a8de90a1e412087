"""A press: answered at once, published to all readers, and refined a moment later."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from edge.recognise.answer import REFINE_AFTER_S
from gallery.threads import later

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.answer import Answer
    from edge.serve.device import Device


class Presses:
    """Answers presses; call it within the server's loop."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._refining: set[asyncio.Task[None]] = set()

    def knows(self, at_s: float | None) -> bool:
        """Return whether this moment can be asked about."""
        return is_moment(at_s) and is_remembered(self._device, at_s)

    def press(self, at_s: float | None) -> Answer:
        """Return the first answer; the refined one follows through the hub."""
        begun = time.perf_counter()
        answer = _first(self._device, at_s, begun)
        task = asyncio.get_running_loop().create_task(self._refine(answer, begun))
        self._refining.add(task)
        task.add_done_callback(self._refining.discard)
        return answer

    async def _refine(self, answer: Answer, begun: float) -> None:
        await asyncio.sleep(REFINE_AFTER_S)
        _refined(self._device, answer, begun)


def answer_in_thread(
    device: Device, at_s: float | None, on_answer: Callable[[Answer], None]
) -> None:
    """Answer a press that comes from elsewhere than the server's loop; any thread may call it.

    Args:
        device: who answers.
        at_s: the moment that is asked about; None is now.
        on_answer: told the first answer, and from another thread the refined one.
    """
    begun = time.perf_counter()
    first = _first(device, at_s, begun)
    on_answer(first)
    later("refine", REFINE_AFTER_S, lambda: on_answer(_refined(device, first, begun)))


def _first(device: Device, at_s: float | None, begun: float) -> Answer:
    device.on_press()
    answer = device.history.press(at_s)
    device.metrics.presses.labels("first").observe(time.perf_counter() - begun)
    device.hub.publish_answer(answer)  # a press from anywhere opens the overlay
    return answer


def _refined(device: Device, first: Answer, begun: float) -> Answer:
    answer = device.history.refine(first)
    device.hub.publish_answer(answer)
    device.metrics.presses.labels("refined").observe(time.perf_counter() - begun)
    return answer


SLACK_S = 0.5
"""A reader may be this far ahead of, or behind, what is remembered."""


def is_remembered(device: Device, at_s: float | None) -> bool:
    """Return whether a moment is among what is remembered; now always is."""
    if at_s is None:
        return True
    known = device.history.remembered_s()
    return known is not None and known[0] - SLACK_S <= at_s <= known[1] + SLACK_S


MOST_MOMENT_S = 4e9
"""Past the wall clock in seconds, which some sources stamp their pictures with."""


def is_moment(at_s: float | None) -> bool:
    """Return whether this can be a time of the programme."""
    return at_s is None or (math.isfinite(at_s) and abs(at_s) <= MOST_MOMENT_S)
