"""Memory of `identify` over a film of hours, made of a short one again and again.

    python tools/long_film.py CLIP GALLERY --hours 3 --log samples.jsonl

The packets are copied, nothing is encoded. Resident memory (Linux) is noted every 10 s, and how
much of the film was read then. Prints one JSON object: medians of the first and last third of the
reading after its first minute, what it was after some hours of the film, and the most at any time;
`end` is when the film is decided and its JSON and sidecar are written.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import av

WARM_UP_S = 60.0
HOURS = (0.25, 0.5, 1, 2, 3, 4)


def loop(clip: Path, film: Path, seconds: float) -> int:
    """Write a film that repeats another one's pictures; return how often."""
    with av.open(str(clip)) as source, av.open(str(film), "w") as target:
        video = source.streams.video[0]
        packets = [p for p in source.demux(video) if p.size]
        copies = [(bytes(p), p.pts, p.dts, p.duration, p.is_keyframe) for p in packets]
        shown = [p.pts for p in packets if p.pts is not None]
        span = max(shown) - min(shown) + (packets[0].duration or 1)
        out = target.add_stream_from_template(video)
        count = max(1, round(seconds / float(span * video.time_base)))
        for n in range(count):
            for data, pts, dts, duration, key in copies:
                packet = av.Packet(data)
                packet.pts, packet.dts = pts + n * span, dts + n * span
                packet.duration, packet.is_keyframe = duration, key
                packet.time_base, packet.stream = video.time_base, out
                target.mux(packet)
    return count


def resident_mb(pid: int) -> tuple[float, float]:
    """Return anonymous and all resident memory of a process."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(told[key].split()[0]) / 1024 for key in ("RssAnon", "VmRSS"))  # type: ignore[return-value]


def share_read(pid: int, film: Path) -> float | None:
    """Return how much of a file a process has read, 0 to 1; None where it is not open."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if link.readlink() == film:
            told = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
            return int(told.split()[1]) / film.stat().st_size
    return None


def watch(
    process: subprocess.Popen[bytes], film: Path, every_s: float, log: Path
) -> list[dict[str, float]]:
    """Note a process's memory until it ends."""
    samples: list[dict[str, float]] = []
    began, share = time.monotonic(), 0.0
    with log.open("w") as file:
        while process.poll() is None:
            try:
                anonymous, resident = resident_mb(process.pid)
                read = share_read(process.pid, film)
            except (OSError, KeyError):  # it has just ended
                break
            at_s = time.monotonic() - began
            sample = {"s": round(at_s, 1), "anonymous_mb": anonymous, "resident_mb": resident}
            share = read if read is not None else float(share > 0)
            sample["share"] = round(share, 4)
            samples.append(sample)
            file.write(json.dumps(sample) + "\n")
            file.flush()
            time.sleep(every_s)
    return samples


def summarised(samples: list[dict[str, float]], hours: float) -> dict[str, Any]:
    """Return what the samples say."""
    warm = [s["anonymous_mb"] for s in samples if s["s"] >= WARM_UP_S] or [
        s["anonymous_mb"] for s in samples
    ]
    third = max(1, len(warm) // 3)
    after = {
        f"{h} h": next(s["anonymous_mb"] for s in samples if s["share"] >= h / hours)
        for h in HOURS
        if h < hours and samples[-1]["share"] >= h / hours
    }
    end = [s["anonymous_mb"] for s in samples if s["share"] == 1.0]
    return {
        "seconds": samples[-1]["s"],
        "anonymous_mb_first_third": round(median(warm[:third]), 1),
        "anonymous_mb_last_third": round(median(warm[-third:]), 1),
        "anonymous_mb_after": {**after, "end": max(end, default=None)},
        "anonymous_mb_most": round(max(s["anonymous_mb"] for s in samples), 1),
        "resident_mb_most": round(max(s["resident_mb"] for s in samples), 1),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--log", type=Path, default=Path("samples.jsonl"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film, found = Path(folder, "film.mp4"), Path(folder, "found.json")
        count = loop(given.clip, film, given.hours * 3600)
        words = ("identify", str(film), "--gallery", str(given.gallery), "--json", "--sidecar")
        with found.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-m", "edge", *words], stdout=output)
            samples = watch(process, film, given.every, given.log)
        told = {"rc": process.wait(), "repeats": count, **summarised(samples, given.hours)}
        told["json_mb"] = round(found.stat().st_size / 1e6, 1)
        told["sidecar_mb"] = round(Path(folder, "film.tvradar.json").stat().st_size / 1e6, 1)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
