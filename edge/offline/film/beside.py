"""Work that another thread begins, and that whoever needs it finishes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class Begun(Generic[T]):
    """Tasks that are being done.

    Args:
        tasks: what is to be done; the results do not depend on who does it.
        worker: does them in order; without one they are done when their results are asked for.
    """

    def __init__(self, tasks: Sequence[Callable[[], T]], worker: ThreadPoolExecutor | None) -> None:
        self._tasks = tasks
        self._futures: list[Future[T]] = [worker.submit(task) for task in tasks] if worker else []

    def results(self) -> list[T]:
        """Return what the tasks gave, in their order; ask once.

        Those that the worker has not begun are done here, the last ones first.
        """
        if not self._futures:
            return [task() for task in self._tasks]
        done_here = {
            i: self._tasks[i]()
            for i in reversed(range(len(self._tasks)))
            if self._futures[i].cancel()
        }
        return [
            done_here[i] if i in done_here else future.result()
            for i, future in enumerate(self._futures)
        ]


def worker_beside() -> ThreadPoolExecutor:
    """Return a thread for embedding: the caller's finds faces meanwhile, and two cores are busy."""
    return ThreadPoolExecutor(1, "tvradar-embed")
