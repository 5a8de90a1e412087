"""Kill -9 of device, broker, publisher and chunk server at random moments.

    python tools/sync_trials/kill.py [--device 200] [--broker 20] [--publisher 20] [--server 20]
        [--mib 60] [--no-persistence] [--seed 6]

Each trial ends when the device has the whole new release; printed are the kills, how often the
end state was right (the whole release in use, and `verify` clean), and how many chunks came twice.
For a killed device these are chunks that lay verified on its disk and were asked for again; for a
device that lived on, chunks that it verified and stored beyond those that its releases have.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stage import (
    HERE,
    Channel,
    CountingServer,
    Mosquitto,
    installed,
    make_gallery,
    start_device,
)

from gallery.channel.broker import Broker
from gallery.channel.link import MqttLink
from gallery.publish.content import published
from gallery.store import store
from gallery.sync.state import State, StateFile

if TYPE_CHECKING:
    from gallery.channel.manifest import File

TRIAL_S = 300.0


class Stage:
    """Broker, three galleries in turn, a channel, a counting chunk server."""

    def __init__(self, folder: Path, mib: float, seed: int, *, persistence: bool) -> None:
        self.folder = folder
        self.broker = Mosquitto(folder / "broker", persistence=persistence)
        self.channel = Channel(folder, self.broker.port)
        print(f"making three galleries of {mib} MiB", file=sys.stderr)
        self.galleries = [make_gallery(folder / f"g{i}", mib, i) for i in (1, 2, 3)]
        self.root = self.channel.repository.home / "root.json"
        self.device = folder / "tv"
        self.device.mkdir()
        self.random = random.Random(seed)
        self._server_link = MqttLink(
            Broker.from_uri(self.channel.uri), "server", backoff_base_s=0.5
        ).start()
        self.server = CountingServer(self.files, self._server_link)
        self._thread = threading.Thread(target=self.server.run, daemon=True)

    @property
    def files(self) -> Path:
        return self.channel.repository.public / "f"

    def serve(self) -> None:
        self._server_link.wait_up(20)
        self._thread.start()

    def next_release(self, **options: object) -> int:
        options.setdefault("retain_up_to", 0)
        self.channel.link.wait_up(30)
        return self.channel.publish(self.galleries[self.channel.number % 3], **options).release

    def start(self) -> subprocess.Popen[bytes]:
        return start_device(self.device, self.channel.uri, self.root)

    def stored(self) -> set[tuple[str, int]]:
        """Return the chunks that lie verified in the parts."""
        found = set()
        for part in (self.device / "state" / "parts").glob("*.part"):
            name = part.name.removesuffix(".part")
            data, whole = part.read_bytes(), (self.files / name).read_bytes()
            size = 127 * 1024
            found |= {
                (name, offset)
                for offset in range(0, len(whole), size)
                if data[offset : offset + size] == whole[offset : offset + size]
            }
        return found

    def right(self, number: int) -> bool:
        return installed(self.device) == number and not store.verify(self.device / "gallery")

    def wait(self, number: int) -> bool:
        deadline = time.monotonic() + TRIAL_S
        while time.monotonic() < deadline:
            if installed(self.device) == number:
                return self.right(number)
            time.sleep(0.02)
        return False


class Twice:
    """Counts the chunks that a device stored beyond those that its releases have."""

    def __init__(self, stage: Stage) -> None:
        self._state = stage.device / "state" / "state.json"
        self._stage = stage
        self._have = self._files()
        self._begin = self._read().chunks_fetched
        self._expected = 0

    def _read(self) -> State:
        return StateFile(self._state).state

    def _files(self) -> dict[str, File]:
        manifest = published(self._stage.channel.repository)
        return {file.sha256: file for file in manifest.files} if manifest else {}

    def release(self) -> None:
        """Note that the release that is published now is in use: all files that are new came."""
        files = self._files()
        for sha256, file in files.items():
            if sha256 not in self._have:
                self._expected += file.chunk_count + (file.hash_list is not None)
        self._have = files

    def count(self) -> int:
        """Return how many came twice; the counter was saved before the release was in use."""
        return self._read().chunks_fetched - self._begin - self._expected


def kill_device(stage: Stage, kills: int) -> dict[str, object]:
    """Kill the device `kills` times; a release that came through is followed by the next."""
    done = right = releases = again = mid = 0
    number = stage.next_release()
    while done < kills:
        process = stage.start()
        time.sleep(stage.random.uniform(0.6, 3.6))
        process.kill()
        process.wait()
        done += 1
        if installed(stage.device) == number:
            right += stage.right(number)
            releases += 1
            number = stage.next_release()
            continue
        stored = stage.stored()
        mid += bool(stored)
        process = stage.start()
        # What the next run asks for, it must not have: read along until it is killed or done.
        before = len(stage.server.asked)
        time.sleep(stage.random.uniform(0.6, 3.6))
        asked = set(stage.server.asked[before:])
        again += len(asked & stored)
        process.kill()
        process.wait()
        done += 1
        mid += bool(stage.stored())
    process = stage.start()
    whole = stage.wait(number)
    process.kill()
    process.wait()
    return {
        "kills": done,
        "in_mid_transfer": mid,
        "releases_completed": releases + whole,
        "right": right + whole,
        "chunks_twice": again,
    }


def kill_broker(stage: Stage, kills: int) -> dict[str, object]:
    """Kill the broker while the device runs."""
    process, right, releases, twice = stage.start(), 0, 0, Twice(stage)
    done = 0
    while done < kills:
        number = stage.next_release()
        releases += 1
        while installed(stage.device) != number and done < kills:
            time.sleep(stage.random.uniform(0.1, 0.7))
            if installed(stage.device) == number:
                break
            stage.broker.kill()
            done += 1
            time.sleep(0.2)
            stage.broker.start()
            stage.channel.link.wait_up(30)
            stage.channel.place.repair()
            time.sleep(stage.random.uniform(0.3, 2.0))
        right += stage.wait(number)
        twice.release()
    process.kill()
    process.wait()
    return {
        "kills": done,
        "releases_completed": releases,
        "right": right,
        "chunks_twice": twice.count(),
    }


def kill_publisher(stage: Stage, kills: int) -> dict[str, object]:
    """Kill the publisher while it sends 60 MB as retained chunks; then let it complete."""
    process, right, releases, done, twice = stage.start(), 0, 0, 0, Twice(stage)
    while done < kills:
        stage.channel.number += 1
        number = stage.channel.number
        gallery = stage.galleries[(number - 1) % 3]
        releases += 1
        for _ in range(4):
            publisher = publish_process(stage, gallery, number)
            time.sleep(stage.random.uniform(0.3, 2.0))
            done += publisher.poll() is None
            publisher.kill()
            publisher.wait()
        assert publish_process(stage, gallery, number).wait(120) == 0
        right += stage.wait(number)
        twice.release()
    process.kill()
    process.wait()
    return {
        "kills": done,
        "releases_completed": releases,
        "right": right,
        "chunks_twice": twice.count(),
    }


def publish_process(stage: Stage, gallery: Path, number: int) -> subprocess.Popen[bytes]:
    """Start a publisher in a process of its own."""
    script = (
        "import sys; from pathlib import Path;"
        "from edge.cli.publish import PublishOptions, publish_gallery;"
        "publish_gallery(Path(sys.argv[1]), Path(sys.argv[2]), [sys.argv[3]],"
        "PublishOptions(int(sys.argv[4]), (), 500.0, 0, 0, False, False), json=True)"
    )
    home, uri = stage.channel.repository.home, stage.channel.uri
    command = [sys.executable, "-c", script, str(gallery), str(home), uri, str(number)]
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    with (stage.folder / "publisher.log").open("ab") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def kill_server(stage: Stage, kills: int) -> dict[str, object]:
    """Kill one of two chunk servers while the device fetches."""

    def start(index: int) -> subprocess.Popen[bytes]:
        script = (
            "import sys; from pathlib import Path; from edge.cli.publish import serve;"
            "serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3], shared=True)"
        )
        home, uri = str(stage.channel.repository.home), stage.channel.uri
        env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
        return subprocess.Popen(
            [sys.executable, "-c", script, uri, home, f"s{index}"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    servers = [start(0), start(1)]
    process, right, releases, done, twice = stage.start(), 0, 0, 0, Twice(stage)
    time.sleep(2)
    while done < kills:
        number = stage.next_release()
        releases += 1
        while installed(stage.device) != number and done < kills:
            time.sleep(stage.random.uniform(0.05, 0.4))
            victim = stage.random.randrange(2)
            done += servers[victim].poll() is None
            servers[victim].kill()
            servers[victim].wait()
            servers[victim] = start(victim)
            time.sleep(stage.random.uniform(0.8, 2.5))
        right += stage.wait(number)
        twice.release()
    for child in (process, *servers):
        child.kill()
        child.wait()
    return {
        "kills": done,
        "releases_completed": releases,
        "right": right,
        "chunks_twice": twice.count(),
    }


def main() -> None:
    """Run the trials that were asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, count in (("device", 200), ("broker", 20), ("publisher", 20), ("server", 20)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--no-persistence", action="store_true", help="broker keeps nothing")
    parser.add_argument("--mib", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=6, help="other random moments")
    options = parser.parse_args()
    results: dict[str, object] = {"mib": options.mib, "persistence": not options.no_persistence}
    with tempfile.TemporaryDirectory(prefix="tvradar-kill-") as folder:
        stage = Stage(
            Path(folder), options.mib, options.seed, persistence=not options.no_persistence
        )
        try:
            if options.server:
                results["server"] = kill_server(stage, options.server)
                print(results, file=sys.stderr)
            stage.serve()
            for name, trial in (
                ("device", kill_device),
                ("broker", kill_broker),
                ("publisher", kill_publisher),
            ):
                count = getattr(options, name)
                if count:
                    started = time.monotonic()
                    results[name] = {**trial(stage, count), "s": round(time.monotonic() - started)}
                    print(results, file=sys.stderr)
        finally:
            stage.broker.kill()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
