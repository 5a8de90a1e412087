"""A release that kills the recogniser: real processes, a real broker, and a real death."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge.demo.material import gallery_of
from edge.testbed.local_cloud import PLACES, Channel, LocalBroker, Updater
from gallery.channel.health import CRASHES, HeartbeatFile
from gallery.store import store, update
from gallery.store.person import Person
from tests.integration.demo_process import material
from tests.polling import until

if TYPE_CHECKING:
    from gallery.channel.status import Status

FAULTY = Path(__file__).with_name("crashing_recogniser.py")


class Service:
    """Starts the recogniser again when it dies, as `Restart=always` of its unit does."""

    def __init__(self, config: Path, log: Path) -> None:
        self._command = [sys.executable, str(FAULTY), "run", "--config", str(config)]
        self._log = log
        self.deaths: list[int] = []
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._log.open("ab") as log:
                env = {**os.environ, "TVRADAR_TEST_FAULT": "2"}
                self._process = subprocess.Popen(self._command, stderr=log, stdout=log, env=env)
            self.deaths.append(self._process.wait())

    def close(self) -> None:
        self._stop.set()
        assert self._process
        self._process.terminate()
        self._thread.join(30)


def add_somebody(gallery: Path) -> None:
    vector = np.ones((1, 128), np.float32) / np.sqrt(np.float32(128))
    model = store.current_release(gallery)[0].model
    owners = np.zeros(1, np.int32)
    update.add(gallery, update.Entries([Person("x", {"en": "X"})], vector, owners, model))


@pytest.mark.skipif(not shutil.which("mosquitto", path=PLACES), reason="needs mosquitto")
def test_a_device_leaves_a_release_that_kills_its_recogniser(tmp_path: Path) -> None:
    cloud, pulse = tmp_path / "cloud" / "gallery", HeartbeatFile(tmp_path / "pulse.json")
    gallery_of(material().people_dir, cloud)
    broker = LocalBroker(tmp_path / "broker")
    channel = Channel(tmp_path / "cloud", broker)
    channel.sign(cloud, probation_s=0)
    channel.send()
    told: list[Status] = []
    updater = Updater(
        channel, tmp_path / "device", lambda status, _heard_s: told.append(status), pulse.path
    )
    service = None
    try:
        updater.await_gallery()
        config = tmp_path / "tvradar.toml"
        config.write_text(
            f'source = "{material().video_path}"\ngallery = "{updater.gallery}"\nloop = true\n'
            f'heartbeat = "{pulse.path}"\n[serve]\nport = 0\n'
        )
        service = Service(config, tmp_path / "run.log")
        until(lambda: (p := pulse.read()) and p.release == 1, 60)
        assert service.deaths == []

        add_somebody(cloud)
        channel.sign(cloud, probation_s=120)
        channel.send()
        left = until(lambda: [s for s in told if s.error.startswith("probation failed")], 60)[0]
        # Three starts are too many; the updater gives way, and a busy machine lets it look later.
        said = r"the recogniser started (\d+) times since release 2 is in use"
        assert (starts_seen := re.search(said, left.error)), left.error
        assert int(starts_seen[1]) >= CRASHES
        assert left.error.endswith("back on release 1")
        assert (left.release, left.rejected, left.healthy) == (1, (2,), False)
        assert store.current_release(updater.gallery)[0].number == 1

        # It lives again, on the release before, and is not made to try the other one again.
        starts = pulse.read().starts
        until(lambda: (p := pulse.read()) and p.release == 1 and p.starts >= starts, 60)
        deaths = len(service.deaths)
        assert set(service.deaths) == {-signal.SIGABRT}
        assert deaths >= 3
        time.sleep(2)
        assert len(service.deaths) == deaths
        assert told[-1].release == 1
    finally:
        if service:
            service.close()
        updater.close()
        channel.close()
        broker.close()
    assert service.deaths[-1] == 0
