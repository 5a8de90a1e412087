"""Let a device run for hours through losses, swaps and restarts, and see whether anything grows.

    python tools/soak.py [--minutes 120] [--events 20] [--log SAMPLES] [--json]
    python tools/soak.py --attacks     ten minutes of everything at once, see soak_attacks.py

The device is a real `tvradar run` with its `tvradar sync`, each a process of its own; a station
sends it the demonstration's film over UDP, a real mosquitto brings galleries and takes scenes.
Spread over the time come this many new releases, losses of the source (5 s) and restarts of the
broker. A viewer presses each second. Sampled: memory, threads, files and sockets of both processes.
The first tenth warms up (15 s to 20 minutes): slopes are of what comes after it. Exits 1 when
something leaked or an event did not end well. Latencies are only printed: a machine is not quiet
for two hours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from outages import Station
from soak_cloud import is_sent, publish_edition, send
from websockets.sync.client import connect

from edge.bench.boot import started
from edge.demo.material import demo_material, gallery_of
from edge.testbed.local_cloud import Channel, LocalBroker, Updater
from gallery.errors import GalleryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

AWAY_S = 5.0
EVENT_S = 60.0
"""An event that has not ended well after this long has failed."""
SAMPLE_S = 5.0
SAMPLES = 36
"""At least; a short soak samples more often."""
PRESS_S = 1.0
WINDOW_S = 600.0
MAX_SLOPE_MB_H = 1.0
SLOPE_NEEDS_S = 3600.0
"""A slope over less time than this is the noise of the allocator: growth is judged instead."""
MAX_GROWTH_MB = 12.0
LEAST_SCENES_PER_S = 10.0
"""The film has 25; fewer are left where the source was lost, and under load."""
CONFIG = """\
source = "{source}"
gallery = "{gallery}"
[serve]
port = 0
[recognise]
detect_every = 2
long_side_px = 640
[events]
broker = "{broker}"
device = "soak"
"""


def sample(pid: int) -> dict[str, float]:
    """Return memory, threads, files and sockets of a process."""
    proc = Path(f"/proc/{pid}")
    rollup = proc.joinpath("smaps_rollup").read_text()
    status = proc.joinpath("status").read_text()

    def field(text: str, key: str) -> int:
        found = re.search(rf"^{key}:\s+(\d+)", text, re.MULTILINE)
        assert found is not None
        return int(found[1])

    targets: Counter[bool] = Counter()
    for link in proc.joinpath("fd").iterdir():
        with contextlib.suppress(OSError):  # closed in the meantime
            targets[os.readlink(link).startswith("socket:")] += 1  # noqa: PTH115
    return {
        "rss_mb": field(rollup, "Rss") / 1024,
        "anonymous_mb": field(rollup, "Anonymous") / 1024,
        "threads": field(status, "Threads"),
        "files": targets[False],
        "sockets": targets[True],
    }


class Viewer:
    """Watches the overlay's stream and presses the button."""

    def __init__(self, url: str) -> None:
        self.presses: list[tuple[float, float, float]] = []
        """When, seconds to the first answer, seconds to the refined one."""
        self.named_at = self.release = 0.0
        self.scenes = self.named = 0
        parts = urlsplit(url)
        self._stream = f"ws://{parts.netloc}/api/live"
        self._button = HTTPConnection(parts.netloc, timeout=10)
        self._asked: dict[int, tuple[float, float]] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=f) for f in (self._watch, self._press)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    def _watch(self) -> None:
        with connect(self._stream, max_queue=None) as socket:
            while not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    self._take(json.loads(socket.recv(timeout=1)))

    def _take(self, message: dict[str, Any]) -> None:
        now = time.monotonic()
        if message["type"] == "scene":
            named = any(face.get("id") for face in message["faces"])
            self.scenes += 1
            self.named += named
            self.named_at = now if named else self.named_at
            self.release = message["release"]
        elif message["type"] == "answer" and message["refined"]:
            asked = self._asked.pop(message["press"], None)
            if asked is not None:
                begun, first_s = asked
                self.presses.append((begun, first_s, now - begun))

    def _press(self) -> None:
        while not self._stop.wait(PRESS_S):
            begun = time.monotonic()
            self._button.request("POST", "/api/press", b"{}")
            with self._button.getresponse() as answer:
                number = json.load(answer)["press"]
            self._asked[number] = begun, time.monotonic() - begun


class Soak:
    """A device, its cloud and its viewer."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        people, film = demo_material()
        self._cloud = folder / "cloud" / "gallery"
        gallery_of(people, self._cloud)
        self.broker = LocalBroker(folder / "broker")
        stack.callback(self.broker.close)
        self.channel = Channel(folder / "cloud", self.broker)
        stack.callback(self.channel.close)
        send(self._cloud, self.channel)
        self.station = Station("udp", film)
        self.station.start()
        stack.callback(self.station.kill)
        updater = Updater(self.channel, folder / "device", lambda *_: None)
        stack.callback(updater.close)
        updater.await_gallery()
        config = folder / "tvradar.toml"
        config.write_text(
            CONFIG.format(source=self.station.uri, gallery=updater.gallery, broker=self.broker.uri)
        )
        device, url = stack.enter_context(started("soak", ["--config", str(config)]))
        self.pids = {"recogniser": device.pid, "updater": updater.child.process.pid}
        self.viewer = Viewer(url)
        stack.callback(self.viewer.close)

    def swap(self) -> None:
        """Publish a release; it has to be in use."""
        number = publish_edition(self._cloud, self.channel)
        self.until(lambda: self.viewer.release == number)

    def lose_source(self) -> None:
        """Take the source away for a while; names have to come back."""
        self.station.kill()
        time.sleep(AWAY_S)
        returned = self.station.start()
        self.until(lambda: self.viewer.named_at > returned)

    def restart_broker(self) -> None:
        """Restart the broker, which forgets; the publisher tells it again what there is."""
        self.broker.restart()
        self.until(lambda: is_sent(self.channel))

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + EVENT_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("it did not come about")
            time.sleep(0.05)


def plan(minutes: float, events: int) -> list[tuple[float, str]]:
    """Return when each event comes, in seconds: one after the other, evenly."""
    kinds = ("swap", "lose_source", "restart_broker")
    step = 60 * minutes / (events * len(kinds) + 1)
    return [(step * (n + 1), kinds[n % len(kinds)]) for n in range(events * len(kinds))]


def soak(minutes: float, events: int, log: Path | None) -> dict[str, Any]:
    """Run; return what was seen."""
    failed: list[str] = []
    done: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="tvradar-soak-") as folder, ExitStack() as stack:
        one = Soak(Path(folder), stack)
        one.until(lambda: one.viewer.named_at > 0)
        begun = time.monotonic()
        sampler = Sampler(one.pids, begun, log, min(SAMPLE_S, 60 * minutes / SAMPLES))
        stack.callback(sampler.close)
        for at, kind in plan(minutes, events):
            time.sleep(max(0.0, begun + at - time.monotonic()))
            try:
                getattr(one, kind)()
            except (TimeoutError, GalleryError) as error:
                failed.append(f"{kind} at {at:.0f} s: {error}")
            else:
                done[kind] += 1
        time.sleep(max(0.0, begun + 60 * minutes - time.monotonic()))
        one.viewer.close()
        sampler.close()
        return {
            "minutes": minutes,
            "events": dict(done),
            "failed": failed,
            "scenes": one.viewer.scenes,
            "scenes_with_names": one.viewer.named,
            "presses": len(one.viewer.presses),
            "latency_ms": latencies(one.viewer.presses, begun, 60 * minutes),
            "processes": {name: judge(sampler.rows[name], 60 * minutes) for name in one.pids},
        }


class Sampler:
    """Samples processes now and then."""

    def __init__(
        self, pids: dict[str, int], begun: float, log: Path | None, every_s: float = SAMPLE_S
    ) -> None:
        self.rows: dict[str, list[dict[str, float]]] = {name: [] for name in pids}
        self._pids, self._begun, self._log, self._every_s = pids, begun, log, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            for name, pid in list(self._pids.items()):
                try:
                    row = {"at_s": time.monotonic() - self._begun, **sample(pid)}
                except OSError:  # it was killed a moment ago
                    continue
                self.rows[name].append(row)
                if self._log is not None:
                    with self._log.open("a") as file:
                        file.write(json.dumps({"process": name, **row}) + "\n")


def judge(rows: list[dict[str, float]], seconds: float) -> dict[str, Any]:
    """Return how a process changed after the warm-up."""
    warm = [row for row in rows if row["at_s"] > min(max(0.1 * seconds, 15), 1200)]
    result: dict[str, Any] = {}
    hours = np.array([row["at_s"] for row in warm]) / 3600
    for key in ("rss_mb", "anonymous_mb", "threads", "files", "sockets"):
        values = np.array([row[key] for row in warm])
        third = max(1, len(values) // 3)
        # An outage has its moments: what a leak raises is the usual level.
        early, late = np.median(values[:third]), np.median(values[-third:])
        result[key] = {
            "early": round(float(early), 1),
            "late": round(float(late), 1),
            "most": round(float(values.max()), 1),
            "per_hour": round(slope(hours, values), 2),
        }
    return result


def slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the slope of the least squares."""
    return float(np.polyfit(x, y, 1)[0])


def latencies(
    presses: list[tuple[float, float, float]], begun: float, seconds: float
) -> dict[str, Any]:
    """Return the quantiles in the first and the last window, and their ratio."""
    window = min(WINDOW_S, seconds / 3)
    result: dict[str, Any] = {"window_s": window}
    for column, name in ((1, "first"), (2, "refined")):
        parts = {}
        for part, low in (("begin", begun), ("end", begun + seconds - window)):
            values = [p[column] for p in presses if low <= p[0] < low + window]
            parts[part] = [round(1000 * float(q), 1) for q in np.quantile(values, [0.5, 0.95])]
        ratio = round(parts["end"][1] / parts["begin"][1], 2)
        result[name] = {**parts, "p95_ratio": ratio}
    return result


def wrong(result: dict[str, Any]) -> list[str]:
    """Return what is wrong, in words."""
    said = list(result["failed"])
    long = 60 * result["minutes"] >= SLOPE_NEEDS_S
    for process, figures in result["processes"].items():
        memory = figures["anonymous_mb"]
        if long and memory["per_hour"] > MAX_SLOPE_MB_H:
            said.append(f"{process}: {memory['per_hour']} MB more each hour")
        if memory["late"] > memory["early"] + MAX_GROWTH_MB:
            said.append(f"{process}: from {memory['early']} to {memory['late']} MB")
        said += [
            f"{process}: from {figures[key]['early']} to {figures[key]['late']} {key}"
            for key in ("threads", "files", "sockets")
            if figures[key]["late"] > figures[key]["early"] + 1
        ]
    if result["scenes"] < LEAST_SCENES_PER_S * 60 * result["minutes"]:
        said.append(f"only {result['scenes']} scenes: the source was away for long")
    if not result["scenes_with_names"] or not result["presses"]:
        said.append("nobody was named, or no press was answered")
    return said


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--events", type=int, default=20, help="of each kind")
    parser.add_argument("--log", type=Path, help="append the samples to this file, as JSON lines")
    parser.add_argument("--json", action="store_true", help="on one line")
    parser.add_argument("--attacks", action="store_true", help="everything at once, 10 minutes")
    options = parser.parse_args()
    if options.attacks:
        from soak_attacks import besiege, lost

        result = besiege(min(options.minutes, 10) if options.minutes != 120 else 10, options.log)
        result["wrong"] = lost(result)
    else:
        result = soak(options.minutes, options.events, options.log)
        result["wrong"] = wrong(result)
    print(json.dumps(result, indent=None if options.json else 2))
    if result["wrong"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
