"""Power cuts: stop the device, copy the backing file of its disk, go on with the copy.

    python tools/sync_trials/powercut.py [--cuts 40] [--mib 64] [--nofsync]      (needs root)

The device's state and gallery lie on ext4 on a loop device. A cut copies the loop device's backing
file while the process stands still: the copy has what the file system had sent to the disk, and
not what it still held in memory. It does not model a drive that reorders what is in its cache.

Counted are corrupt galleries, and releases that the device had called in use and that the copy
does not have. With --nofsync the same code runs without fsync and must fail: so the test can.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stage import HERE, make_gallery

from gallery.errors import GalleryCorruptError, GalleryMissingError
from gallery.publish.content import Options, prepare, resign
from gallery.publish.repository import Repository
from gallery.store import store

CLAIM = re.compile(r"release (\d+) is in use")


class Disk:
    """An ext4 file system in a file."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.image, self.mount_point = folder / "disk.img", folder / "disk"
        self.mount_point.mkdir()
        with self.image.open("wb") as file:
            file.truncate(mib << 20)
        _run("mkfs.ext4", "-q", "-F", str(self.image))

    def mount(self) -> None:
        """Mount it; ext4 replays its journal as after a power cut."""
        _run("mount", "-o", "loop", str(self.image), str(self.mount_point))

    def cut(self) -> None:
        """Keep what has reached the disk by now."""
        shutil.copyfile(self.image, self.image.with_suffix(".cut"))

    def replace(self) -> None:
        """Put the copy in the place of the disk."""
        _run("umount", str(self.mount_point))
        self.image.with_suffix(".cut").replace(self.image)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    """Run the cuts and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--mib", type=float, default=64.0)
    parser.add_argument("--nofsync", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tvradar-cut-") as name:
        print(json.dumps(trial(Path(name), options)))


def trial(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Cut the power `cuts` times."""
    rng = random.Random(7)
    galleries = [make_gallery(folder / f"g{i}", options.mib, i) for i in (1, 2, 3)]
    repository = Repository(folder / "home")
    repository.init()
    disk = Disk(folder, int(options.mib * 6) + 200)
    disk.mount()
    device = disk.mount_point / "tv"
    device.mkdir()
    os.sync()
    counts = {"cuts": 0, "mid_update": 0, "corrupt": 0, "claimed": 0, "claimed_and_lost": 0}
    number = publish(repository, galleries, 1)
    try:
        while counts["cuts"] < options.cuts:
            claimed, mid = cut_once(folder, disk, repository, rng, nofsync=options.nofsync)
            counts["cuts"] += 1
            counts["mid_update"] += mid
            found = examine(device, counts)
            if claimed:
                counts["claimed"] += 1
                counts["claimed_and_lost"] += found < claimed
            print(counts, file=sys.stderr)
            if found >= number:
                number = publish(repository, galleries, number + 1)
    finally:
        subprocess.run(["umount", str(disk.mount_point)], check=False)
    return {**counts, "mib": options.mib, "fsync": not options.nofsync}


def publish(repository: Repository, galleries: list[Path], number: int) -> int:
    """Sign the next release; the device reads it from the folder."""
    content = Options(number=number, probation_s=0)
    resign(repository, prepare(repository, galleries[number % 3], content))
    return number


def cut_once(
    folder: Path, disk: Disk, repository: Repository, rng: random.Random, *, nofsync: bool
) -> tuple[int, bool]:
    """Run the device for a moment, cut; return the release it had claimed, and if mid-update."""
    log = folder / "device.log"
    command = [
        sys.executable,
        str(HERE / "device.py"),
        str(disk.mount_point / "tv"),
        str(repository.public),
        str(repository.home / "root.json"),
        "tv",
    ]
    command += ["nofsync"] if nofsync else []
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
    time.sleep(rng.uniform(0.6, 2.6))
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.02)
    claims = [int(n) for n in CLAIM.findall(log.read_text())]
    parts = disk.mount_point / "tv" / "state" / "parts"
    mid = parts.is_dir() and any(parts.iterdir())
    disk.cut()
    process.kill()
    process.wait()
    disk.replace()
    disk.mount()
    return max(claims, default=0), mid


def examine(device: Path, counts: dict[str, int]) -> int:
    """Look at what the cut left; return the release in use."""
    if not device.is_dir():
        return 0
    try:
        release, _ = store.current_release(device / "gallery")
    except GalleryMissingError:
        return 0
    except GalleryCorruptError:
        counts["corrupt"] += 1
        return 0
    counts["corrupt"] += bool(store.verify(device / "gallery"))
    return release.number


if __name__ == "__main__":
    main()
