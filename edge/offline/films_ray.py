"""Films of a folder, read by Ray Data on the machines of a cluster.

Films, gallery and models are where all machines reach them, under the same names. The driver writes
results as they come back; a worker that dies is replaced, and its film read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from edge.offline.film_maker import FilmJob, FilmMade, FilmMaker
from gallery.enrol.ray_engine import ray_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class _Worker:
    """Makes films in an actor of Ray."""

    def __init__(self, job: bytes) -> None:
        self._maker = FilmMaker(msgspec.msgpack.decode(job, type=FilmJob))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"made": msgspec.msgpack.encode(self._maker.make(row["path"], opened=row["opened"]))}


def films_with_ray(
    paths: Sequence[Path],
    job: FilmJob,
    workers: int,
    address: str,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[FilmMade]:
    """Yield what became of each film, as they come back.

    Args:
        paths: the films.
        job: what is made of them.
        workers: how many films at once, one actor each.
        address: of a cluster (`auto`, `ray://host:10001`), or `local`.
        stop: asked after each film; true leaves the others.

    Raises:
        CloudExtraMissingError: Ray is not installed.
        RayFailedError: the cluster cannot be reached, or gave up.
    """
    if not paths:
        return
    with ray_of("timeline", address, workers) as ray:
        rows = [{"path": str(path), "opened": str(path.resolve())} for path in paths]
        films = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_args=(msgspec.msgpack.encode(job),),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=1,
        )
        for batch in films.iter_batches(batch_size=None, prefetch_batches=0, batch_format="numpy"):
            for made in batch["made"]:
                yield msgspec.msgpack.decode(bytes(made), type=FilmMade)
            if stop():
                yield FilmMade("")
                return
