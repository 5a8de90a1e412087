from __future__ import annotations

import threading
import time

import pytest

from edge.video.mailbox import ClosedError, Queue, Recent


def test_recent_keeps_the_newest_few_and_counts_the_rest() -> None:
    box: Recent[int] = Recent(most=3)
    for number in range(5):
        assert box.put(number)
    assert (box.waiting, box.dropped) == (3, 2)
    assert [box.get() for _ in range(3)] == [2, 3, 4]
    assert box.dropped == 2
    assert box.get(timeout_s=0.01) is None


def test_what_has_waited_too_long_gives_way_to_newer_ones_only() -> None:
    now_s = [0.0]
    box: Recent[int] = Recent(most=4, wait_s=0.1, clock=lambda: now_s[0])
    for number in range(4):
        now_s[0] = number * 0.04
        box.put(number)
    now_s[0] = 0.16
    assert (box.get(), box.dropped) == (2, 2)
    now_s[0] = 5.0
    assert (box.get(), box.dropped) == (3, 2)


def test_queue_gives_all_in_order_and_makes_the_sender_wait() -> None:
    queue: Queue[int] = Queue(size=2)
    sender = threading.Thread(target=lambda: [queue.put(number) for number in range(50)])
    sender.start()
    time.sleep(0.05)
    assert sender.is_alive()
    assert [queue.get() for _ in range(50)] == list(range(50))
    sender.join(5)
    assert queue.dropped == 0


@pytest.mark.parametrize("box", [Recent[int](), Queue[int](2)], ids=["recent", "queue"])
def test_what_is_in_a_closed_box_can_still_be_taken(box: Recent[int] | Queue[int]) -> None:
    box.put(1)
    box.close()
    assert not box.put(2)
    assert box.get() == 1
    with pytest.raises(ClosedError):
        box.get()


@pytest.mark.parametrize("make", [Recent, Queue])
def test_closing_wakes_who_waits(make: type[Recent[int] | Queue[int]]) -> None:
    box = make()
    woken = threading.Event()

    def wait() -> None:
        with pytest.raises(ClosedError):
            box.get()
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    box.close()
    assert woken.wait(5)
    thread.join(5)


def test_closing_frees_a_sender_that_waits_for_room() -> None:
    queue: Queue[int] = Queue(size=1)
    queue.put(0)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(queue.put(1)))
    thread.start()
    queue.close()
    thread.join(5)
    assert answers == [False]


def test_every_item_is_taken_or_counted() -> None:
    box: Recent[int] = Recent()
    taken: list[int] = []

    def take() -> None:
        while True:
            try:
                item = box.get(timeout_s=5)
            except ClosedError:
                return
            assert item is not None
            taken.append(item)

    thread = threading.Thread(target=take)
    thread.start()
    for number in range(20_000):
        box.put(number)
    box.close()
    thread.join(10)
    assert len(taken) + box.dropped == 20_000
    assert taken == sorted(taken)
    assert taken[-1] == 19_999


def test_a_queue_holds_at_least_one() -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        Queue(size=0)
