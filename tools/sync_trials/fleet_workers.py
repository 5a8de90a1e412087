"""Processes that drive simulated devices, and the table in which the parent sees them.

One Python process cannot drive 2,000 clients without being the bottleneck itself, so there are
several. They read one number, the scene, and do what it says: devices, or bare clients, which are
the measure of what broker and simulator can take together.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import resource
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import aiomqtt
import numpy as np
from fleet_device import ROW, Net, Place, Row, SimulatedDevice, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from typing_extensions import Self

NOBODY, DEVICES, BARE = range(3)
POLL_S = 0.01
AT_ONCE = 100
"""Bare clients of a process that connect at the same time: more make the whole no faster."""


class AtOnce(ThreadPoolExecutor):
    """Runs what it is given in the caller's thread.

    aiomqtt connects in a thread and registers the socket's number with the loop later. When
    hundreds of sockets close and open at that time, a number may be another client's by then, and
    that client never hears of its data again. On loopback a connect does not block.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it now."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - belongs to whoever asks for the result
            future.set_exception(error)
        return future


class Workers:
    """The processes; `rows` has one row for each device."""

    def __init__(self, count: int, devices: int, place: Place, net: Net) -> None:
        self.processes, self.place, self.net = count, place, net
        context = multiprocessing.get_context("spawn")
        shared = context.RawArray("b", devices * ROW.itemsize)
        self.rows: NDArray[np.void] = np.frombuffer(shared, ROW)
        self._scene = context.RawValue("i", NOBODY)
        ready = context.Barrier(count + 1)
        self._processes = [
            context.Process(
                target=work,
                args=(shared, self._scene, ready, number, count, place, net),
                daemon=True,
            )
            for number in range(count)
        ]
        for process in self._processes:
            process.start()
        ready.wait(60)

    def play(self, scene: int) -> float:
        """Begin a scene; return when."""
        self._scene.value = scene
        return time.monotonic()

    def subscribed(self, since_s: float = 0.0) -> int:
        """Return how many have been subscribed since then without a break."""
        return int((self.rows["subscribed_s"] > since_s).sum())

    def end(self) -> None:
        """Kill the processes: 2,000 polite good-byes are no part of any trial."""
        for process in self._processes:
            process.kill()
            process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def work(
    shared: Any, scene: Any, ready: Any, first: int, step: int, place: Place, net: Net
) -> None:
    """Be one process: every `step`-th device is its."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    # A broker that is killed under aiomqtt's callbacks is no news here.
    for name in ("asyncio", "mqtt"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    rows = np.frombuffer(shared, ROW)
    ready.wait(60)
    asyncio.run(_play(rows, range(first, len(rows), step), scene, place, net))


async def _play(rows: NDArray[np.void], numbers: range, scene: Any, place: Place, net: Net) -> None:
    """Play one scene until the process is killed."""
    asyncio.get_running_loop().set_default_executor(AtOnce(1))
    while scene.value == NOBODY:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(POLL_S)
    gate = asyncio.Semaphore(AT_ONCE)
    if scene.value == DEVICES:
        parts = [SimulatedDevice(i, place, net, rows[i]).run() for i in numbers]
    else:
        parts = [_bare(i, place, gate, rows[i]) for i in numbers]
    await asyncio.gather(*parts)


async def _bare(number: int, place: Place, gate: asyncio.Semaphore, row: Row) -> None:
    """Send a device's own messages without waiting between tries; then stay."""
    try:
        while True:
            with suppress(aiomqtt.MqttError, OSError):
                async with AsyncExitStack() as stack:
                    async with gate:
                        client = await stack.enter_async_context(place.client(f"sim-{number}"))
                        await client.subscribe(place.timestamp, qos=1)
                        row["subscribed_s"] = time.monotonic()
                        await tell(client, f"sim-{number}", 1)
                    async for _ in client.messages:
                        pass  # only who reads hears of the end of the connection
            row["subscribed_s"] = 0.0
            await asyncio.sleep(POLL_S)
    finally:
        row["subscribed_s"] = 0.0
