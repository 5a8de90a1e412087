"""Parts of a catalogue, embedded on this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from gallery.enrol import worker
from gallery.enrol.errors import EnrolmentError, EnrolmentInterruptedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from gallery.enrol.shards import Shard, ShardStore

log = logging.getLogger(__name__)

MAX_THREADS = 4
"""More do not make the models of one face faster."""
MAX_DEATHS = 3
"""A part that was in work at this many deaths of a process is not tried again."""
TOGETHER = 2
"""After this many it is tried alone."""
_POLL_S = 0.2


def embed_here(
    shards: Sequence[Shard],
    store: ShardStore,
    *,
    on_pictures: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Embed parts in this process; see `embed_in_pool`."""
    embedder = worker.Embedder(threads=min(os.cpu_count() or 1, MAX_THREADS))

    def on_person(pictures: int) -> None:
        on_pictures(pictures)
        if stopped():
            raise EnrolmentInterruptedError("stopped")

    for shard in shards:
        store.put(shard.key, embedder.embed(shard, on_person))


def embed_in_pool(
    shards: Sequence[Shard],
    store: ShardStore,
    workers: int,
    *,
    on_pictures: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Embed parts in processes of their own, and replace those that die.

    Args:
        shards: what is to be done.
        store: where it goes.
        workers: how many processes.
        on_pictures: called with the number of pictures of each part that is done.
        stopped: asked often; parts in work are then finished and no others started.

    Raises:
        EnrolmentError: a part was in work each time that a process died.
        EnrolmentInterruptedError: `stopped` said so.
        GalleryError: what a worker raised.
    """
    losses = _Losses(store)
    left = deque(shards)
    while left:
        # A part that two deaths have in common is tried alone, so that no other is blamed.
        losses.alone = any(losses.deaths[shard.key] >= TOGETHER for shard in left)
        lost = _run_pool(left, losses, workers, on_pictures, stopped)
        for shard in lost:
            losses.take(shard)
        left.extendleft(sorted(lost, key=lambda shard: losses.deaths[shard.key]))
        if stopped():
            raise EnrolmentInterruptedError("stopped")


class _Losses:
    """What processes died of, as far as it can be told."""

    def __init__(self, store: ShardStore) -> None:
        self.store = store
        self.deaths: Counter[str] = Counter()
        self.deadly: frozenset[str] = frozenset()
        self.alone = False
        self._suspects: Counter[str] = Counter()

    def take(self, shard: Shard) -> None:
        """Count a death; a picture at which a part died twice, alone, is not opened again.

        Raises:
            EnrolmentError: it died too often, and no picture can be blamed.
        """
        uri = self.store.in_work(shard.key)
        if self.alone and uri:
            self._suspects[uri] += 1
            if self._suspects[uri] > 1:
                log.warning("%s: ended the process that read it, twice; left out", uri)
                self.deadly |= {uri}
                self.deaths[shard.key] = TOGETHER
                return
        self.deaths[shard.key] += 1
        if self.deaths[shard.key] >= MAX_DEATHS + bool(self.alone and uri):
            people = ", ".join(entry.person.id for entry in shard.entries)
            raise EnrolmentError(
                f"{people}: the process that embeds their pictures died {MAX_DEATHS} times "
                "(out of memory, or a picture that a decoder does not survive); take out the "
                "largest pictures, or use fewer --workers, and run the command again"
            )


def _run_pool(
    left: deque[Shard],
    losses: _Losses,
    workers: int,
    on_pictures: Callable[[int], None],
    stopped: Callable[[], bool],
) -> list[Shard]:
    """Work until nothing is left, somebody stops it, or a process dies; return what was lost."""
    workers = 1 if losses.alone else workers
    store = losses.store
    context = multiprocessing.get_context("spawn")
    running: dict[Future[str], Shard] = {}
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=worker.start)
    try:
        while running or (left and not stopped()):
            while left and len(running) < workers and not stopped():
                future = pool.submit(worker.work, left[0], store.folder, losses.deadly)
                running[future] = left.popleft()
            for done in wait(running, _POLL_S, FIRST_COMPLETED).done:
                done.result()
                on_pictures(running.pop(done).pictures)
    except BrokenProcessPool:
        # What was written before the death is found again.
        lost = [shard for shard in running.values() if not store.has(shard)]
        for shard in running.values():
            if shard not in lost:
                on_pictures(shard.pictures)
        return lost
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return []
