"""`bench sync`: presses while a large snapshot is synced, beside presses without, in one run.

A hot recogniser plays the demonstration's film; its gallery is the snapshot. The updater is a
process of its own, as on a device. What the cloud does (broker, chunk server, publisher) runs on
this machine too, at the lowest priority: of a device it would take nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from edge.bench.press import Spread, await_frames, spread
from edge.config import RecogniseConfig, RunConfig, ServeConfig
from edge.demo.material import demo_material, gallery_of
from edge.device.app import App
from edge.errors import EdgeError
from edge.testbed.local_cloud import LAST, Channel, Child, LocalBroker, Updater, tvradar_command
from gallery.store import store, update
from gallery.store.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from gallery.channel.status import Status

REST_S = 0.08
"""Between presses; the server takes 20 commands a second."""
SYNC_S = 300.0
MAX_SYNCS = 60
REFINED_S = 1.0
ROW_BYTES = 133
PICTURES = 200


class Pressed(msgspec.Struct, frozen=True):
    """Presses under one condition.

    Attributes:
        first_ms: to the first answer, over HTTP.
        refined_ms: to the refined answer, over the WebSocket.
    """

    first_ms: Spread
    refined_ms: Spread
    presses: int
    frames_per_s: float


class SyncBench(msgspec.Struct, frozen=True):
    """What presses took without and during syncs.

    Attributes:
        ratio_first_p95, ratio_refined_p95: `syncing` over `alone`.
        syncs: snapshots that were fetched, verified, installed and taken up.
        sync_mb_s: of the median sync, from its first chunk to the swap in the recogniser.
        updater_nice: niceness of the updater, read from the kernel.
    """

    mb: float
    alone: Pressed
    syncing: Pressed
    ratio_first_p95: float
    ratio_refined_p95: float
    syncs: int
    sync_mb_s: float
    updater_nice: int
    cores: int


def bench_sync(mib: float, presses: int, on_press: Callable[[], None] = lambda: None) -> SyncBench:
    """Measure; see the module.

    Raises:
        ToolMissingError: mosquitto is not installed.
        EdgeError: a sync did not end.
    """
    with tempfile.TemporaryDirectory(prefix="tvradar-bench-") as name, ExitStack() as stack:
        return _Trial(Path(name), mib, stack).run(presses, on_press)


class _Trial:
    """A cloud and a device on this machine."""

    def __init__(self, folder: Path, mib: float, stack: ExitStack) -> None:
        people, video = demo_material()
        self._galleries = [folder / "one", folder / "two"]
        gallery_of(people, self._galleries[0])
        shutil.copytree(self._galleries[0], self._galleries[1], symlinks=True)
        for seed, gallery in enumerate(self._galleries, 1):
            _fill(gallery, mib, seed)
        broker = LocalBroker(folder / "broker", last=True)
        stack.callback(broker.close)
        channel = Channel(folder / "cloud", broker)
        self._home, self._uri = folder / "cloud" / "home", broker.uri
        self._number, self._busy = 0, threading.Event()
        self._took_s: list[float] = []
        self._publish()
        channel.close()
        words = ("gallery", "serve-chunks", "--home", self._home, "--broker", self._uri)
        server = Child(tvradar_command(*words), last=True)
        stack.callback(server.close)
        updater = Updater(channel, folder / "device", self._hear)
        stack.callback(updater.close)
        updater.await_gallery(SYNC_S)
        config = RunConfig(
            source=str(video),
            loop=True,
            serve=ServeConfig(port=0),
            recognise=RecogniseConfig(detect_every=2, long_side_px=640),
        )
        self._updater = updater
        self._app = App(config, updater.gallery)
        stack.callback(self._app.close)
        self._app.start()
        await_frames(self._app)
        self._presser = _Presser(self._app, stack)

    def run(self, presses: int, on_press: Callable[[], None]) -> SyncBench:
        """Take turns: some presses alone, then a sync with as many presses as it leaves time."""
        mb = sum(f.size for f in store.current_release(self._galleries[0])[0].files) / 1e6
        alone, syncing = _Samples(), _Samples()
        while min(len(alone.first_s), len(syncing.first_s)) < presses:
            if len(self._took_s) >= MAX_SYNCS:
                raise EdgeError(
                    f"bench sync: {len(syncing.first_s)} presses during {MAX_SYNCS} syncs, "
                    f"expected {presses}; take a larger --mib"
                )
            self._presses(alone, max(5, presses // 5), on_press)
            self._sync(syncing, on_press)
        time.sleep(REFINED_S)
        one, two = alone.sum_up(self._presser), syncing.sum_up(self._presser)
        return SyncBench(
            mb=round(mb, 1),
            alone=one,
            syncing=two,
            ratio_first_p95=round(two.first_ms.p95 / one.first_ms.p95, 2),
            ratio_refined_p95=round(two.refined_ms.p95 / one.refined_ms.p95, 2),
            syncs=len(self._took_s),
            sync_mb_s=round(mb / float(np.median(self._took_s)), 1),
            updater_nice=os.getpriority(os.PRIO_PROCESS, self._updater.child.process.pid),
            cores=os.cpu_count() or 1,
        )

    def _presses(self, samples: _Samples, count: int, on_press: Callable[[], None]) -> None:
        frames, begun_s = self._app.scenes, time.perf_counter()
        for _ in range(count):
            self._press(samples, on_press)
        samples.frames += self._app.scenes - frames
        samples.seconds += time.perf_counter() - begun_s

    def _press(self, samples: _Samples, on_press: Callable[[], None]) -> None:
        samples.take(*self._presser.press())
        on_press()
        time.sleep(REST_S)

    def _sync(self, samples: _Samples, on_press: Callable[[], None]) -> None:
        """Publish the other snapshot and press from its first chunk until it is taken up."""
        self._busy.clear()
        self._publish()
        if not self._busy.wait(SYNC_S):
            raise EdgeError(f"bench sync: release {self._number} is not fetched")
        begun_s, frames = time.perf_counter(), self._app.scenes
        while self._app.watcher.gallery.release != self._number:
            self._press(samples, on_press)
            self._updater.child.check()
            if time.perf_counter() - begun_s > SYNC_S:
                raise EdgeError(f"bench sync: release {self._number} did not arrive")
        took_s = time.perf_counter() - begun_s
        self._took_s.append(took_s)
        samples.frames += self._app.scenes - frames
        samples.seconds += took_s

    def _publish(self) -> None:
        self._number += 1
        gallery = self._galleries[self._number % 2]
        words = ["gallery", "publish", gallery, "--to", self._uri, "--home", self._home]
        words += ["--number", self._number, "--retain-mib", 0, "--probation", 0, "--json"]
        command = [*LAST, *tvradar_command(*words)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=SYNC_S)  # noqa: S603
        if done.returncode:
            raise EdgeError(f"tvradar gallery publish: {done.stderr.decode().strip()[-400:]}")

    def _hear(self, status: Status, _heard_s: float) -> None:
        if status.wanted == self._number and status.phase == "fetch":
            self._busy.set()


class _Presser:
    """Presses over HTTP, and notes on a WebSocket when refined answers come."""

    def __init__(self, app: App, stack: ExitStack) -> None:
        self._url = app.server.url + "api/press"
        self.refined_at_s: dict[int, float] = {}
        self._socket = connect(app.server.url.replace("http", "ws", 1) + "api/live", max_queue=None)
        thread = threading.Thread(target=self._listen, name="bench-live", daemon=True)
        thread.start()
        stack.callback(thread.join, 5)
        stack.callback(self._socket.close)

    def press(self) -> tuple[int, float, float]:
        """Return the press's number, when it was, and the seconds to its first answer."""
        begun_s = time.perf_counter()
        request = urllib.request.Request(self._url, b"{}", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            number = int(json.load(response)["press"])
        return number, begun_s, time.perf_counter() - begun_s

    def _listen(self) -> None:
        try:
            for text in self._socket:
                now_s = time.perf_counter()
                message = json.loads(text)
                if message["type"] == "answer" and message["refined"]:
                    self.refined_at_s.setdefault(message["press"], now_s)
        except ConnectionClosed:
            return


class _Samples:
    """Presses under one condition, as they come."""

    def __init__(self) -> None:
        self.first_s: list[float] = []
        self._begun_s: dict[int, float] = {}
        self.frames = 0
        self.seconds = 0.0

    def take(self, number: int, begun_s: float, first_s: float) -> None:
        """Add a press."""
        self.first_s.append(first_s)
        self._begun_s[number] = begun_s

    def sum_up(self, presser: _Presser) -> Pressed:
        """Return the figures."""
        refined = [
            presser.refined_at_s[number] - begun_s
            for number, begun_s in self._begun_s.items()
            if number in presser.refined_at_s
        ]
        if not refined:
            raise EdgeError("bench sync: no refined answer came")
        return Pressed(
            spread(self.first_s),
            spread(refined),
            len(self.first_s),
            round(self.frames / self.seconds, 1),
        )


def _fill(gallery: Path, mib: float, seed: int) -> None:
    """Add random templates, of this many MiB, to a gallery; nobody looks like them."""
    rows = max(1, int(mib * 1024 * 1024 / ROW_BYTES))
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((rows, 128), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    count = max(1, rows // PICTURES)
    people = [Person(f"random-{seed}-{i:06d}", {"en": f"Random {i}"}) for i in range(count)]
    owners = np.sort(np.arange(rows, dtype=np.int32) % count)
    model = store.current_release(gallery)[0].model
    update.add(gallery, update.Entries(people, vectors, owners, model))
