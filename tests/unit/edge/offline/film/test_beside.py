"""Work beside is done once each, whoever does it, and gives the same in the same order."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from edge.offline.film.beside import Begun, worker_beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ThreadPoolExecutor


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    with worker_beside() as pool:
        yield pool


def test_who_needs_the_results_helps(worker: ThreadPoolExecutor) -> None:
    who: dict[int, str] = {}
    here, go_on = threading.current_thread().name, threading.Event()

    def task(i: int) -> int:
        who[i] = threading.current_thread().name
        if i == 0:
            go_on.wait(10)
        if i == 1:
            go_on.set()
        return i * i

    begun = Begun([partial(task, i) for i in range(5)], worker)
    while 0 not in who:
        pass
    assert begun.results() == [0, 1, 4, 9, 16]
    assert who[0] != here
    assert {who[i] for i in range(1, 5)} == {here}


def test_without_a_worker_all_is_done_here() -> None:
    assert Begun([partial(pow, i, 2) for i in range(4)], None).results() == [0, 1, 4, 9]


def test_an_error_is_told(worker: ThreadPoolExecutor) -> None:
    with pytest.raises(ZeroDivisionError):
        Begun([partial(divmod, 1, 0)], worker).results()
