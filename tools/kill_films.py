"""A folder of films, killed in the middle and started again, beside one that nobody disturbed.

    python tools/kill_films.py FILM GALLERY --count 20 [--engine ray]

Cuts `count` films of a few seconds out of one, at different places, and runs `tvradar timeline
FOLDER --out` over them: once to its end; once killed (SIGKILL) when half are done, and started
again; with `--engine ray` once more on two workers, one of which is killed. Prints one JSON object
and fails where bytes differ.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

SECONDS = 3.0


def cut(source: Path, folder: Path, count: int) -> None:
    """Write short films that begin at different places of a film; packets are copied."""
    with av.open(str(source)) as film:
        video = film.streams.video[0]
        packets = [p for p in film.demux(video) if p.size and p.dts is not None]
        keys = [i for i, packet in enumerate(packets) if packet.is_keyframe]
        for n in range(count):
            first = keys[n % len(keys)]
            length_s = SECONDS * (1 + n % 5 / 5)
            with av.open(str(folder / f"film{n:02d}.mkv"), "w") as target:
                out = target.add_stream_from_template(video)
                for packet in packets[first:]:
                    at_s = float((packet.dts - packets[first].dts) * video.time_base)
                    if at_s > length_s:
                        break
                    copy = av.Packet(bytes(packet))
                    copy.pts, copy.dts = packet.pts, packet.dts
                    copy.is_keyframe, copy.time_base = packet.is_keyframe, video.time_base
                    copy.stream = out
                    target.mux(copy)


def start(films: Path, gallery: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start the command."""
    words = ("timeline", str(films), "--gallery", str(gallery), "--out", str(out), *more)
    return subprocess.Popen(
        [sys.executable, "-m", "edge", *words],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TVRADAR_KILL": str(out)},
    )


def until(process: subprocess.Popen[bytes], out: Path, count: int) -> int:
    """Wait until this many films are done; return how many are."""
    while process.poll() is None and len(list(out.glob("*.json"))) <= count:
        time.sleep(0.01)
    return len(list(out.glob("film*.json")))


def workers(out: Path) -> list[int]:
    """Return the actors of Ray that work for a run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            ours = f"TVRADAR_KILL={out}".encode() in (entry / "environ").read_bytes()
            actor = b"ray::MapWorker" in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if ours and actor:
            found.append(int(entry.name))
    return found


def results(out: Path) -> dict[str, bytes]:
    """Return the bytes of all results."""
    return {p.name: p.read_bytes() for p in sorted(out.iterdir())}


def main() -> None:
    """Print one JSON object; exit with 1 where bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        films, whole, killed, ray = (Path(folder, n) for n in ("films", "whole", "killed", "ray"))
        films.mkdir()
        cut(given.film, films, given.count)
        assert start(films, given.gallery, whole).wait() == 0
        process = start(films, given.gallery, killed)
        done = until(process, killed, given.count // 2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        again = start(films, given.gallery, killed).wait()
        told = {
            "films": given.count,
            "done_when_killed": done,
            "rc_again": again,
            "same_bytes": results(killed) == results(whole),
        }
        if given.engine == "ray":
            process = start(films, given.gallery, ray, "--engine", "ray")
            told["done_when_worker_killed"] = until(process, ray, given.count // 4)
            actors = workers(ray)
            os.kill(actors[0], signal.SIGKILL)
            told |= {"workers": len(actors), "rc_ray": process.wait()}
            told["same_bytes_ray"] = results(ray) == results(whole)
    print(json.dumps(told))
    if not all(value for key, value in told.items() if key.startswith("same")):
        sys.exit(1)


if __name__ == "__main__":
    main()
