"""A simulated device: does to the broker what a real one does, a coroutine each."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import random
import ssl
import time
from contextlib import suppress
from typing import Any, NamedTuple

import aiomqtt
import numpy as np

from gallery.channel.backoff import Backoff
from gallery.channel.link import KEEPALIVE_S
from gallery.channel.manifest import Manifest, chunks_of, decode
from gallery.channel.mqtt_sources import SILENCE_S
from gallery.channel.status import Status, encode, status_topic

ROW = np.dtype(
    [
        ("release", "i8"),
        ("current_s", "f8"),
        ("bytes", "i8"),
        ("attempts", "i8"),
        ("subscribed_s", "f8"),
        ("lost", "i8"),
        ("doubled", "i8"),
        ("silences", "i8"),
    ]
)
"""What the parent process sees of a device; `subscribed_s` is 0 while it has no connection."""
LOOK_S = 5.0
WINDOW = 16
Row = Any
"""One element of an array of `ROW`: numpy has no type for it that can be written to."""


class Net(NamedTuple):
    """What the network does to messages on their way to a device."""

    loss: float
    duplicates: float
    delay_ms: float

    def fate(self, rng: random.Random) -> list[float]:
        """Return after which delays the message arrives: never, once, or twice."""
        if rng.random() < self.loss:
            return []
        copies = 1 + (rng.random() < self.duplicates)
        return [rng.expovariate(1e3 / self.delay_ms) if self.delay_ms else 0.0] * copies


@functools.cache
def tls_context(certificate: str) -> ssl.SSLContext:
    """Return what trusts the certificate, TLS 1.3 as a device has it; one for a process."""
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


class Place(NamedTuple):
    """Where the fleet's broker is; with a `certificate` it is spoken to by TLS."""

    port: int
    prefix: str
    certificate: str = ""

    @property
    def timestamp(self) -> str:
        """Return the topic that wakes all devices."""
        return f"{self.prefix}/m/timestamp.json"

    def client(self, name: str) -> aiomqtt.Client:
        """Return a client with a real device's session: clean start, keep-alive, last will."""
        will = encode(Status(name, online=False))
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            identifier=name,
            protocol=aiomqtt.ProtocolVersion.V5,
            keepalive=KEEPALIVE_S,
            will=aiomqtt.Will(status_topic(name), will, qos=1, retain=True),
            timeout=20,
            tls_context=tls_context(self.certificate) if self.certificate else None,
        )


async def tell(client: aiomqtt.Client, name: str, release: int) -> None:
    """Send a device's status."""
    status = Status(name, release=release, wanted=release)
    await client.publish(status_topic(name), encode(status), qos=1, retain=True)


class SimulatedDevice:
    """One device.

    Args:
        row: its row of the table, see `ROW`.
    """

    def __init__(self, number: int, place: Place, net: Net, row: Row) -> None:
        self.name, self._place, self._net, self._row = f"sim-{number}", place, net, row
        self._random = random.Random(number)
        self._backoff = Backoff(rng=self._random)
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._wake = asyncio.Event()
        self._have: set[str] = set()
        self._timestamp = b""
        self._done = ""

    async def run(self) -> None:
        """Connect, update, connect again after the delays of a real device."""
        while True:
            self._row["attempts"] += 1
            try:
                async with self._place.client(self.name) as client:
                    self._backoff.up(time.monotonic())
                    await self._session(client)
            except (aiomqtt.MqttError, OSError):
                pass  # the broker is away
            finally:
                self._row["subscribed_s"] = 0.0
            await asyncio.sleep(self._backoff.next_s(time.monotonic()))

    async def _session(self, client: aiomqtt.Client) -> None:
        """Do a device's work until the connection ends.

        aiomqtt leaves whoever waits for an answer waiting when the connection breaks; only a
        reader hears of it. So the work is cancelled when the reader ends.
        """
        tasks = {asyncio.create_task(part(client)) for part in (self._read, self._work)}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, client: aiomqtt.Client) -> None:
        await client.subscribe(self._place.timestamp, qos=1)
        self._row["subscribed_s"] = time.monotonic()
        await self._tell(client)
        while True:
            if await self._woken():
                await self._update(client)
            else:
                # A real device looks once an hour; here a lost message is missed sooner.
                await client.subscribe(self._place.timestamp, qos=1)

    async def _woken(self) -> bool:
        """Wait for a new timestamp; False when none came for a while."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), LOOK_S)
        woken = self._wake.is_set()
        self._wake.clear()
        return woken

    async def _tell(self, client: aiomqtt.Client) -> None:
        await tell(client, self.name, int(self._row["release"]))

    async def _read(self, client: aiomqtt.Client) -> None:
        loop = asyncio.get_running_loop()
        async for message in client.messages:
            payload = bytes(message.payload) if message.payload else b""
            topic = str(message.topic)
            self._row["bytes"] += len(payload) + len(topic) + 7
            delays = self._net.fate(self._random)
            self._row["lost"] += not delays
            self._row["doubled"] += len(delays) == 2
            for delay_s in delays:
                loop.call_later(delay_s, self._take, topic, payload)

    def _take(self, topic: str, payload: bytes) -> None:
        if topic == self._place.timestamp:
            self._timestamp = payload
            self._wake.set()
        future = self._waiting.pop(topic, None)
        if future and not future.done():
            future.set_result(payload)

    async def _get(self, client: aiomqtt.Client, name: str, sha256: str) -> bytes:
        return (await self._get_all(client, {name: sha256}))[0]

    async def _get_all(self, client: aiomqtt.Client, wanted: dict[str, str]) -> list[bytes]:
        """Fetch by exact topics, and again what does not come."""
        loop, found = asyncio.get_running_loop(), dict[str, bytes]()
        for _ in range(8):
            futures = {
                f"{self._place.prefix}/{name}": loop.create_future()
                for name in wanted
                if name not in found
            }
            self._waiting.update(futures)
            await client.subscribe([(topic, 1) for topic in futures])
            await self._until_silent(set(futures.values()))
            await client.unsubscribe(list(futures))
            for topic, future in futures.items():
                name = topic.removeprefix(f"{self._place.prefix}/")
                if future.done() and hashlib.sha256(future.result()).hexdigest() == wanted[name]:
                    found[name] = future.result()
            if len(found) == len(wanted):
                return [found[name] for name in wanted]
            self._row["silences"] += 1
        raise aiomqtt.MqttError(f"{set(wanted) - set(found)}: not delivered")

    async def _until_silent(self, rest: set[asyncio.Future[bytes]]) -> None:
        """Wait for all, as long as something comes: what is slow must not be asked for again."""
        came = True
        while rest and came:
            done, rest = await asyncio.wait(
                rest, return_when=asyncio.FIRST_COMPLETED, timeout=SILENCE_S
            )
            came = bool(done)

    async def _update(self, client: aiomqtt.Client) -> None:
        """Follow the hashes from the timestamp to the chunks; known metadata is not read again."""
        meta = json.loads(self._timestamp)["signed"]["meta"]["snapshot.json"]
        head = meta["hashes"]["sha256"]
        if head == self._done:
            return
        snapshot = await self._get(client, f"m/{meta['version']}.snapshot.json", head)
        meta = json.loads(snapshot)["signed"]["meta"]["targets.json"]
        targets = await self._get(
            client, f"m/{meta['version']}.targets.json", meta["hashes"]["sha256"]
        )
        digest = json.loads(targets)["signed"]["targets"]["release.json"]["hashes"]["sha256"]
        manifest = decode(await self._get(client, f"t/{digest}.release.json", digest))
        if manifest.release > self._row["release"]:
            await self._fetch(client, manifest)
            self._row["current_s"] = time.monotonic()
            self._row["release"] = manifest.release
            await self._tell(client)
        self._done = head

    async def _fetch(self, client: aiomqtt.Client, manifest: Manifest) -> None:
        for file in manifest.files:
            if not file.retained or file.sha256 in self._have:
                continue
            hashes = None
            if file.hash_list:
                hashes = await self._get(client, f"c/{file.hash_list}", file.hash_list)
            chunks = [chunk.sha256 for chunk in chunks_of(file, hashes)]
            for start in range(0, len(chunks), WINDOW):
                window = chunks[start : start + WINDOW]
                await self._get_all(client, {f"c/{sha256}": sha256 for sha256 in window})
            self._have.add(file.sha256)
