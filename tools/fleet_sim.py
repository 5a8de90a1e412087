"""A fleet of simulated devices against a real broker on loopback.

    python tools/fleet_sim.py [--devices 2000] [--rounds 3] [--loss 0.02] [--delay-ms 20]
        [--duplicates 0.02] [--restarts 1] [--people 20000] [--changed 1000]

Each device is a coroutine that does what a real one does to the broker: it subscribes to the
timestamp, reads the metadata and the chunks of the delta by exact topic, checks every hash, and
reports its status. Signatures are not checked here (two cores could not for 2,000 devices); the
chain of hashes from the timestamp to the chunks is. Loss, delay, duplicates and reordering are
applied by the devices to what they receive. It stops by itself; one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "sync_trials"))

import aiomqtt
import numpy as np
from stage import Channel, Mosquitto, make_gallery

from gallery import store
from gallery.person import Person
from gallery.publish.fleet import Fleet
from gallery.sync.broker import Broker
from gallery.sync.link import BACKOFF_CAP_S, MqttLink
from gallery.sync.manifest import Manifest, chunks_of, decode
from gallery.sync.status import Status, encode, status_topic
from gallery.update import Entries, update

READ_S = 20.0


class Net:
    """What the network does to a message."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.loss, self.duplicates = options.loss, options.duplicates
        self.delay_s = options.delay_ms / 1000
        self.random = random.Random(1)
        self.lost = self.doubled = 0

    def fate(self) -> list[float]:
        """Return after which delays the message arrives: never, once, or twice."""
        if self.random.random() < self.loss:
            self.lost += 1
            return []
        copies = 1 + (self.random.random() < self.duplicates)
        self.doubled += copies - 1
        return [self.random.expovariate(1 / self.delay_s) if self.delay_s else 0.0] * copies


class SimulatedDevice:
    """One device."""

    def __init__(self, number: int, port: int, net: Net, prefix: str) -> None:
        self.name, self._port, self._net, self._prefix = f"sim-{number}", port, net, prefix
        self._random = random.Random(number)
        self._client: aiomqtt.Client | None = None
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._wake = asyncio.Event()
        self.release = 0
        self.at_s = 0.0
        self.bytes = 0
        self.connects = 0
        self.attempts = 0
        self.connected_s = 0.0
        self.have: set[str] = set()
        self.reason = ""
        self._timestamp = b""

    async def run(self) -> None:
        """Connect, update, connect again with full jitter."""
        tries = 0
        while True:
            try:
                self.attempts += 1
                async with aiomqtt.Client(
                    "127.0.0.1",
                    self._port,
                    identifier=self.name,
                    protocol=aiomqtt.ProtocolVersion.V5,
                    max_queued_outgoing_messages=64,
                    timeout=10,
                ) as client:
                    self.connects += 1
                    self.connected_s = time.monotonic()
                    tries, self._client = 0, client
                    await self._session(client)
            except (aiomqtt.MqttError, OSError, asyncio.TimeoutError) as error:
                self.reason = repr(error)
            finally:
                self._client = None
            await asyncio.sleep(self._random.uniform(0, min(BACKOFF_CAP_S, 2.0 * 2**tries)))
            tries += 1

    async def _session(self, client: aiomqtt.Client) -> None:
        reader = asyncio.create_task(self._read(client))
        try:
            await client.subscribe(f"{self._prefix}/m/timestamp.json", qos=1)
            while not reader.done():
                waiter = asyncio.create_task(self._wake.wait())
                await asyncio.wait({waiter, reader}, return_when=asyncio.FIRST_COMPLETED, timeout=5)
                waiter.cancel()
                if self._wake.is_set():
                    self._wake.clear()
                    await self._update(client)
                elif not reader.done():
                    # A real device looks once an hour; here, a lost message must not take as long.
                    await client.subscribe(f"{self._prefix}/m/timestamp.json", qos=1)
        finally:
            reader.cancel()

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = bytes(message.payload) if message.payload else b""
            self.bytes += len(payload) + len(str(message.topic)) + 7
            for delay_s in self._net.fate():
                asyncio.get_running_loop().call_later(
                    delay_s, self._take, str(message.topic), payload
                )

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/m/timestamp.json"):
            self._timestamp = payload
            self._wake.set()
        future = self._waiting.pop(topic, None)
        if future and not future.done():
            future.set_result(payload)

    async def _get(self, client: aiomqtt.Client, name: str, sha256: str) -> bytes:
        topic = f"{self._prefix}/{name}"
        for _ in range(8):
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._waiting[topic] = future
            await client.subscribe(topic, qos=1)
            try:
                data = await asyncio.wait_for(future, 2.0)
            except asyncio.TimeoutError:
                continue
            finally:
                await client.unsubscribe(topic)
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
        raise aiomqtt.MqttError(f"{topic}: not delivered")

    async def _update(self, client: aiomqtt.Client) -> None:
        """Follow the hashes from the timestamp to the chunks."""
        meta = json.loads(self._timestamp)["signed"]["meta"]["snapshot.json"]
        snapshot = await self._get(
            client, f"m/{meta['version']}.snapshot.json", meta["hashes"]["sha256"]
        )
        meta = json.loads(snapshot)["signed"]["meta"]["targets.json"]
        targets = await self._get(
            client, f"m/{meta['version']}.targets.json", meta["hashes"]["sha256"]
        )
        digest = json.loads(targets)["signed"]["targets"]["release.json"]["hashes"]["sha256"]
        manifest = decode(await self._get(client, f"t/{digest}.release.json", digest))
        if manifest.release <= self.release:
            return
        for file in manifest.files:
            if not file.retained or file.sha256 in self.have:
                continue
            hashes = None
            if file.hash_list:
                hashes = await self._get(client, f"c/{file.hash_list}", file.hash_list)
            chunks = list(chunks_of(file, hashes))
            for start in range(0, len(chunks), 8):
                await asyncio.gather(
                    *(
                        self._get(client, f"c/{c.sha256}", c.sha256)
                        for c in chunks[start : start + 8]
                    )
                )
            self.have.add(file.sha256)
        self.release, self.at_s = manifest.release, time.monotonic()
        status = Status(self.name, release=self.release, wanted=self.release)
        await client.publish(status_topic(self.name), encode(status), qos=1, retain=True)


async def simulate(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Connect all, publish deltas, restart the broker, drop all at once."""
    broker = Mosquitto(folder / "broker")
    try:
        channel = await asyncio.to_thread(Channel, folder, broker.port)
        gallery = await asyncio.to_thread(make_gallery, folder / "g", 0, 3, options.people)
        await asyncio.to_thread(channel.publish, gallery, retain_up_to=0)
        net = Net(options)
        prefix = Broker.from_uri(channel.uri).prefix
        devices = [SimulatedDevice(i, broker.port, net, prefix) for i in range(options.devices)]
        started = time.monotonic()
        tasks = []
        for device in devices:
            tasks.append(asyncio.create_task(device.run()))
            await asyncio.sleep(0.001)
        await until(lambda: all(d.release == 1 for d in devices), 120)
        result: dict[str, object] = {
            "devices": options.devices,
            "connected_and_current_s": round(time.monotonic() - started, 1),
        }
        print(result, file=sys.stderr)
        rounds = []
        for number in range(2, 2 + options.rounds):
            await asyncio.to_thread(change, gallery, number, options.changed)
            restart = number - 2 < options.restarts
            rounds.append(await one_round(channel, gallery, devices, broker, restart=restart))
            print(rounds[-1], file=sys.stderr)
        result["rounds"] = rounds
        result["fleet"] = await asyncio.to_thread(seen_by_publisher, channel, len(devices))
        print(result["fleet"], file=sys.stderr)
        result["herd"] = await herd(broker, channel, devices)
        result["lost_messages"], result["doubled_messages"] = net.lost, net.doubled
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(channel.link.close)
        return result
    finally:
        broker.kill()


def change(gallery: Path, number: int, count: int) -> None:
    """Change some people: a delta."""
    rng = np.random.default_rng(number)
    vectors = rng.standard_normal((count, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p3-{i:06d}", {"en": f"Changed {number}"}) for i in range(count)]
    model = store.current_release(gallery)[0].model
    update(gallery, Entries(people, vectors, np.arange(count, dtype=np.int32), model))


async def one_round(
    channel: Channel,
    gallery: Path,
    devices: list[SimulatedDevice],
    broker: Mosquitto,
    *,
    restart: bool,
) -> dict[str, object]:
    """Publish and wait until all have it."""
    before = sum(d.bytes for d in devices)
    known = decode(channel.repository.manifest() or b"")
    published = asyncio.create_task(asyncio.to_thread(channel.publish, gallery))
    manifest: Manifest = await published
    start = time.monotonic()
    if restart:
        await asyncio.sleep(1.0)
        broker.kill()
        broker.start()
        await asyncio.to_thread(channel.link.wait_up, 60)
        await asyncio.to_thread(channel.place.repair)
    await until(lambda: all(d.release == manifest.release for d in devices), 300)
    times = sorted(max(0.0, d.at_s - start) for d in devices)
    old = {file.sha256 for file in known.files}
    delta = sum(file.size for file in manifest.files if file.sha256 not in old)
    moved = sum(d.bytes for d in devices) - before
    return {
        "release": manifest.release,
        "broker_restarted": restart,
        "current": sum(d.release == manifest.release for d in devices),
        "p50_s": round(times[len(times) // 2], 2),
        "p95_s": round(times[int(len(times) * 0.95)], 2),
        "p100_s": round(times[-1], 2),
        "delta_bytes": delta,
        "moved_over_ideal": round(moved / (delta * len(devices)), 3),
    }


def seen_by_publisher(channel: Channel, expected: int) -> dict[str, object]:
    """Read the fleet as `tvradar gallery status` does."""
    with MqttLink(Broker.from_uri(channel.uri), "fleet") as link:
        link.wait_up(20)
        fleet = Fleet(link)
        summary = fleet.wait(channel.number, 100.0, 20.0)
        return {"devices": summary.devices, "current": summary.current, "expected": expected}


async def herd(
    broker: Mosquitto, channel: Channel, devices: list[SimulatedDevice]
) -> dict[str, object]:
    """Drop all at once by a restart; the measure is how fast the broker takes bare connects."""
    capacity = await connect_rate(broker.port, min(len(devices), 500))
    print(f"{capacity:.0f} bare connects/s", file=sys.stderr)
    attempts = sum(d.attempts for d in devices)
    broker.kill()
    await asyncio.sleep(1.0)
    broker.start()
    start = time.monotonic()
    await until(lambda: all(d.connected_s > start and d._client for d in devices), 300)
    took = max(d.connected_s for d in devices) - start
    await asyncio.to_thread(channel.link.wait_up, 60)
    return {
        "reconnected": sum(d.connected_s > start for d in devices),
        "took_s": round(took, 2),
        "bare_connects_per_s": round(capacity),
        "at_bare_rate_s": round(len(devices) / capacity, 2),
        "attempts_per_device": round(
            (sum(d.attempts for d in devices) - attempts) / len(devices), 2
        ),
    }


async def connect_rate(port: int, count: int) -> float:
    """Return how many bare connects a second this client and broker manage together."""
    gate = asyncio.Semaphore(100)

    async def connect(number: int) -> None:
        async with gate, aiomqtt.Client("127.0.0.1", port, identifier=f"bare-{number}", timeout=20):
            pass

    start = time.monotonic()
    await asyncio.gather(*(connect(i) for i in range(count)))
    return count / (time.monotonic() - start)


async def until(condition: object, timeout_s: float) -> None:
    """Wait for a condition, at most so long."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--loss", type=float, default=0.02)
    parser.add_argument("--duplicates", type=float, default=0.02)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--changed", type=int, default=1_000)
    options = parser.parse_args()
    # aiomqtt's socket callbacks complain when the broker is killed under them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory(prefix="tvradar-fleet-") as folder:
        print(json.dumps(asyncio.run(simulate(options, Path(folder)))))


if __name__ == "__main__":
    main()
