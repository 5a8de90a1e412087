"""A fleet of simulated devices against a real broker on loopback.

    python tools/fleet_sim.py [--devices 2000] [--rounds 3] [--loss 0.02] [--delay-ms 20]
        [--duplicates 0.02] [--restarts 1] [--people 20000] [--changed 1000] [--outage-s 1]
        [--processes 2] [--save-each-change] [--no-tls]

Each device is a coroutine that does what a real one does to the broker, by TLS 1.3: it subscribes
to the timestamp, reads the metadata and the chunks of the delta by exact topic, checks every hash,
and reports its status. Signatures are not checked here (two cores could not for 2,000 devices); the
chain of hashes from the timestamp to the chunks is. Loss, delay, duplicates and reordering are
applied by the devices to what they receive.

At the end the broker is killed under all of them, and stays away for a while. Measured is how long
after its return all are subscribed again, beside the limit of broker and simulator: as many bare
clients of the same processes that send the same messages (connect, subscribe, status) without a
pause. Once they are new, on a broker just started (`fresh`); once they were connected when it was
killed, as the devices were (`dropped`). Each three times; ratios are of the medians. It stops by
itself; one JSON object on stdout, exit code 1 unless all devices came to each release and back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "sync_trials"))

import numpy as np
from fleet_device import Net, Place
from fleet_workers import BARE, DEVICES, Workers
from stage import Channel, Mosquitto, make_gallery, until

from gallery.channel.backoff import BASE_S
from gallery.channel.broker import Broker
from gallery.channel.link import MqttLink
from gallery.channel.manifest import decode
from gallery.publish.fleet import Fleet
from gallery.store import store
from gallery.store.person import Person
from gallery.store.update import Entries, update

ROUND_S = 300.0
HERD_S = 120.0
FALLS = 3


class Stage(NamedTuple):
    """Broker, publisher, devices."""

    broker: Mosquitto
    channel: Channel
    workers: Workers

    def current(self, release: int) -> int:
        """Return how many devices are on a release."""
        return int((self.workers.rows["release"] == release).sum())

    def restart(self, outage_s: float = 0.0) -> float:
        """Kill the broker, start it after a while; return when it was started again.

        Not when it was first seen to listen: some devices are quicker than we are.
        """
        self.broker.kill()
        time.sleep(outage_s)
        back_s = time.monotonic()
        self.broker.start()
        return back_s


def simulate(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Connect all, publish deltas, restart the broker, drop all at once."""
    broker = Mosquitto(
        folder / "broker", save_each_change=options.save_each_change, tls=options.tls
    )
    try:
        channel = Channel(folder, broker.port)
        gallery = make_gallery(folder / "g", 0, 3, options.people)
        channel.publish(gallery, retain_up_to=0)
        place = Place(broker.port, Broker.from_uri(channel.uri).prefix)
        if options.tls:
            place = place._replace(port=broker.tls_port, certificate=str(broker.certificate))
        net = Net(options.loss, options.duplicates, options.delay_ms)
        with Workers(options.processes, options.devices, place, net) as workers:
            stage = Stage(broker, channel, workers)
            found = {"devices": options.devices, "processes": options.processes}
            return found | play(stage, gallery, options)
    finally:
        broker.kill()


def play(stage: Stage, gallery: Path, options: argparse.Namespace) -> dict[str, object]:
    """Let one scene follow the other."""
    rows, devices = stage.workers.rows, len(stage.workers.rows)
    start_s = stage.workers.play(DEVICES)
    until(lambda: stage.current(1) == devices, ROUND_S)
    result: dict[str, object] = {"all_on_the_first_s": round(time.monotonic() - start_s, 1)}
    tell(result)
    rounds = []
    for number in range(2, 2 + options.rounds):
        change(gallery, number, options.changed)
        restart = number - 2 < options.restarts
        rounds.append(one_round(stage, gallery, restart=restart))
        tell(rounds[-1])
    result["rounds"] = rounds
    result["fleet"] = seen_by_publisher(stage.channel, devices)
    for name in ("lost", "doubled", "silences"):
        result[name] = int(rows[name].sum())
    result["herd"] = herd(stage, options.outage_s)
    tell(result["herd"])
    return result


def tell(found: object) -> None:
    """Show what was found so far."""
    print(found, file=sys.stderr, flush=True)


def change(gallery: Path, number: int, count: int) -> None:
    """Change some people: a delta."""
    rng = np.random.default_rng(number)
    vectors = rng.standard_normal((count, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = [Person(f"p3-{i:06d}", {"en": f"Changed {number}"}) for i in range(count)]
    model = store.current_release(gallery)[0].model
    update(gallery, Entries(people, vectors, np.arange(count, dtype=np.int32), model))


def one_round(stage: Stage, gallery: Path, *, restart: bool) -> dict[str, object]:
    """Publish and wait until all have it."""
    rows, channel = stage.workers.rows, stage.channel
    before = int(rows["bytes"].sum())
    known = decode(channel.repository.manifest() or b"")
    manifest = channel.publish(gallery)
    start_s = time.monotonic()
    if restart:
        stage.restart()
        channel.link.wait_up(60)
        channel.place.repair()
    until(lambda: stage.current(manifest.release) == len(rows), ROUND_S)
    current = rows["release"] == manifest.release
    times = np.maximum(rows["current_s"] - start_s, 0)
    times[~current] = np.inf
    old = {file.sha256 for file in known.files}
    delta = sum(file.size for file in manifest.files if file.sha256 not in old)
    moved = int(rows["bytes"].sum()) - before
    return {
        "release": manifest.release,
        "broker_restarted": restart,
        "current": int(current.sum()),
        **percentiles(times),
        "delta_bytes": delta,
        "moved_over_ideal": round(moved / (delta * len(rows)), 3),
    }


def percentiles(times_s: np.ndarray) -> dict[str, float]:
    """Return when 50, 95 and 100 % were there."""
    ordered = np.sort(times_s)
    ends = {share: max(0, -(-len(ordered) * share // 100) - 1) for share in (50, 95, 100)}
    return {f"p{share}_s": round(float(ordered[end]), 2) for share, end in ends.items()}


def seen_by_publisher(channel: Channel, expected: int) -> dict[str, int]:
    """Read the fleet as `tvradar gallery status` does."""
    with MqttLink(Broker.from_uri(channel.uri), "fleet") as link:
        link.wait_up(20)
        summary = Fleet(link).wait(channel.number, 100.0, 20.0)
        return {"devices": summary.devices, "current": summary.current, "expected": expected}


def herd(stage: Stage, outage_s: float) -> dict[str, object]:
    """Kill the broker under all, several times; then see how fast bare clients are."""
    workers, devices = stage.workers, len(stage.workers.rows)
    until(lambda: workers.subscribed() == devices, HERD_S)
    before = int(workers.rows["attempts"].sum())
    falls = [fall(stage, outage_s) for _ in range(FALLS)]
    attempts = int(workers.rows["attempts"].sum()) - before
    workers.end()
    fresh, dropped = zip(*(bare(stage, outage_s) for _ in range(FALLS)), strict=True)
    all_s = [float(took.max()) for took in falls]
    return {
        "outage_s": outage_s,
        "reconnected": min(int(np.isfinite(took).sum()) for took in falls),
        "seconds": [percentiles(took) for took in falls],
        "attempts_per_device": round(attempts / devices / FALLS, 2),
        "bare_fresh_s": [round(seconds, 2) for seconds in fresh],
        "bare_dropped_s": [round(seconds, 2) for seconds in dropped],
        "ratio_to_fresh": round(float(np.median(all_s) / np.median(fresh)), 2),
        "ratio_to_dropped": round(float(np.median(all_s) / np.median(dropped)), 2),
    }


def fall(stage: Stage, outage_s: float) -> np.ndarray:
    """Kill the broker and start it again; return how long after that each device was back."""
    workers, devices = stage.workers, len(stage.workers.rows)
    back_s = stage.restart(outage_s)
    until(lambda: workers.subscribed(back_s) == devices, HERD_S)
    subscribed_s = workers.rows["subscribed_s"].copy()
    took = np.where(subscribed_s > back_s, subscribed_s - back_s, np.inf)
    tell({"reconnected": workers.subscribed(back_s), **percentiles(took)})
    time.sleep(2 * BASE_S)
    return took


def bare(stage: Stage, outage_s: float) -> tuple[float, float]:
    """Return how long as many bare clients take to connect and subscribe.

    Once new ones, once the same after the broker was killed under them.
    """
    old = stage.workers
    with Workers(old.processes, len(old.rows), old.place, old.net) as workers:
        fresh = stage._replace(workers=workers)
        fresh.restart()
        stage.channel.link.wait_up(60)
        new_s = subscribed_after(fresh, workers.play(BARE))
        time.sleep(1.0)
        dropped_s = subscribed_after(fresh, fresh.restart(outage_s))
        tell({"bare": workers.subscribed(), "fresh_s": new_s, "dropped_s": dropped_s})
        return new_s, dropped_s


def subscribed_after(stage: Stage, start_s: float) -> float:
    """Wait until all bare clients are subscribed; return how long that took."""
    workers, devices = stage.workers, len(stage.workers.rows)
    until(lambda: workers.subscribed(start_s) == devices, HERD_S)
    if workers.subscribed(start_s) < devices:
        return float("inf")
    return float(workers.rows["subscribed_s"].max()) - start_s


def right(result: dict[str, object], devices: int) -> bool:
    """Return whether all devices came to each release, and back after the outage."""
    counts = [one["current"] for one in result["rounds"]]  # type: ignore[attr-defined]
    counts.append(result["herd"]["reconnected"])  # type: ignore[index]
    return all(count == devices for count in counts)


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--loss", type=float, default=0.02)
    parser.add_argument("--duplicates", type=float, default=0.02)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--outage-s", type=float, default=1.0)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--changed", type=int, default=1_000)
    parser.add_argument("--save-each-change", action="store_true")
    parser.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="between devices and broker, as outside of a loopback it must be",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tvradar-fleet-") as folder:
        result = simulate(options, Path(folder))
    print(json.dumps(result))
    sys.exit(not right(result, options.devices))


if __name__ == "__main__":
    main()
