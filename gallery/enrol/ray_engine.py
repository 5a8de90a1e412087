"""Parts of a catalogue, embedded by Ray Data on the machines of a cluster."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import msgspec

from gallery.enrol.errors import CloudExtraMissingError, EnrolmentInterruptedError, RayFailedError
from gallery.enrol.worker import Embedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gallery.enrol.shards import Shard, ShardStore

HERE = "local"
"""The address that starts a cluster of this machine alone."""


def embed_with_ray(
    shards: Sequence[Shard],
    store: ShardStore,
    workers: int,
    address: str,
    *,
    on_pictures: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Embed parts in actors of Ray, which replaces those that die and does their parts again.

    Each part is written here as soon as it comes back, so that a driver that is killed loses only
    what was in work.

    Args:
        shards: what is to be done; the pictures must be where all machines reach them.
        store: where it goes, on this machine.
        workers: how many actors, one core each.
        address: of a cluster (`auto`, `ray://host:10001`), or `local`.
        on_pictures: called with the number of pictures of each part that is done.
        stopped: asked after each part.

    Raises:
        CloudExtraMissingError: Ray is not installed.
        RayFailedError: the cluster cannot be reached, or gave up.
        EnrolmentInterruptedError: `stopped` said so.
    """
    by_key = {shard.key.encode(): shard for shard in shards}
    with ray_of("gallery enrol", address, workers) as ray:
        rows = [{"shard": msgspec.msgpack.encode(shard)} for shard in shards]
        parts = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            Embedder, compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))), num_cpus=1
        )
        for batch in parts.iter_batches(batch_size=None, prefetch_batches=0, batch_format="numpy"):
            for key, part in zip(batch["key"], batch["part"], strict=True):
                shard = by_key[bytes(key)]
                store.put(shard.key, bytes(part))
                on_pictures(shard.pictures)
            if stopped():
                raise EnrolmentInterruptedError("stopped")


@contextmanager
def ray_of(command: str, address: str, workers: int) -> Iterator[Any]:
    """Give Ray's module, connected; what it prints goes to stderr, where no JSON is.

    Args:
        command: that wants it, for the error.
        address: of a cluster, or `local`.
        workers: how many cores a cluster of this machine has.

    Raises:
        CloudExtraMissingError: Ray is not installed.
        RayFailedError: the cluster cannot be reached, or gave up.
    """
    ray = _load_ray(command, address)
    with redirect_stdout(sys.stderr):  # as it shuts down it says what it has held back
        try:
            _connect(ray, address, workers)
            yield ray
        except (ray.exceptions.RayError, ConnectionError, TimeoutError) as error:
            first = str(error).strip().splitlines()
            raise RayFailedError(
                f"ray at {address}: {first[0] if first else type(error).__name__}; what is done is "
                "kept, see to the cluster and run the command again"
            ) from error
        finally:
            ray.shutdown()


def _load_ray(command: str, address: str) -> Any:
    # Ray sends usage data to its maker unless that is switched off before it is loaded.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised here
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray  # noqa: PLC0415
        import ray.data  # noqa: PLC0415
    except ImportError as error:
        raise CloudExtraMissingError(f"{command} --engine ray --address {address}") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray


def _connect(ray: Any, address: str, workers: int) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address == HERE:
        ray.init(
            address="local",
            num_cpus=max(workers, 2),
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
    else:
        ray.init(address=address, **quiet)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
