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
from fleet_device import ROW, Net, Place, Row, SimulatedDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from numpy.typing import NDArray
    from typing_extensions import Self

NOBODY, DEVICES, BARE, END = range(4)
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
        context = multiprocessing.get_context("spawn")
        shared = context.RawArray("b", devices * ROW.itemsize)
        self.rows: NDArray[np.void] = np.frombuffer(shared, ROW)
        self._scene = context.RawValue("i", NOBODY)
        self._processes = [
            context.Process(
                target=work, args=(shared, self._scene, number, count, place, net), daemon=True
            )
            for number in range(count)
        ]
        for process in self._processes:
            process.start()

    def play(self, scene: int) -> float:
        """Begin a scene; return when."""
        self._scene.value = scene
        return time.monotonic()

    def subscribed(self, since_s: float = 0.0) -> int:
        """Return how many have been subscribed since then without a break."""
        return int((self.rows["subscribed_s"] > since_s).sum())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scene.value = END
        for process in self._processes:
            process.join(10)
            process.kill()


def work(shared: Any, scene: Any, first: int, step: int, place: Place, net: Net) -> None:
    """Be one process: every `step`-th device is its."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    # A broker that is killed under aiomqtt's callbacks is no news here.
    for name in ("asyncio", "mqtt"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    rows = np.frombuffer(shared, ROW)
    numbers = range(first, len(rows), step)
    asyncio.run(_play(rows, numbers, scene, place, net))


async def _play(rows: NDArray[np.void], numbers: range, scene: Any, place: Place, net: Net) -> None:
    asyncio.get_running_loop().set_default_executor(AtOnce(1))
    devices = [SimulatedDevice(i, place, net, rows[i]) for i in numbers]
    tasks: list[asyncio.Task[None]] = []
    playing = NOBODY
    while scene.value != END:
        if scene.value != playing:
            playing = scene.value
            await _end(tasks)
            gate = asyncio.Semaphore(AT_ONCE)
            parts: list[Coroutine[Any, Any, None]] = []
            if playing == DEVICES:
                parts = [device.run() for device in devices]
            elif playing == BARE:
                parts = [_bare(i, place, gate, rows[i]) for i in numbers]
            tasks = [asyncio.create_task(part) for part in parts]
        await asyncio.sleep(POLL_S)
    await _end(tasks)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel all, again and again: a `wait_for` that ends just then swallows a cancellation."""
    rest = set(tasks)
    while rest:
        for task in rest:
            task.cancel()
        _, rest = await asyncio.wait(rest, timeout=1.0)


async def _bare(number: int, place: Place, gate: asyncio.Semaphore, row: Row) -> None:
    """Connect and subscribe as a device does, without waiting between tries; then stay."""
    try:
        while True:
            with suppress(aiomqtt.MqttError, OSError):
                async with AsyncExitStack() as stack:
                    async with gate:
                        client = await stack.enter_async_context(place.client(f"sim-{number}"))
                        await client.subscribe(place.timestamp, qos=1)
                    row["subscribed_s"] = time.monotonic()
                    await asyncio.Event().wait()
            await asyncio.sleep(POLL_S)
    finally:
        row["subscribed_s"] = 0.0
