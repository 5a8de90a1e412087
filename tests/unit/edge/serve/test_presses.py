"""Presses from a broker or a key are answered, and counted, as those of the page are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from edge.recognise.press_history import PressHistory
from edge.serve.device import Device
from edge.serve.live import Hub
from edge.serve.presses import answer_in_thread
from tests.serving import PEOPLE, Feedback, People

if TYPE_CHECKING:
    from edge.recognise.answer import Answer


def test_a_press_from_a_thread_is_counted_with_both_its_answers() -> None:
    people, answers, done = People(PEOPLE), [], threading.Event()

    def take(answer: Answer) -> None:
        answers.append(answer.refined)
        if answer.refined:
            done.set()

    device = Device(PressHistory(people.person), people, Feedback(PEOPLE), Hub(people))
    answer_in_thread(device, None, take)
    assert done.wait(5)
    assert answers == [False, True]
    for answer in ("first", "refined"):
        labels = {"answer": answer}
        count = device.metrics.registry.get_sample_value("tvradar_press_seconds_count", labels)
        assert count == 1
