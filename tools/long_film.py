"""Memory of `identify` over a film of hours, made of a short one again and again.

    python tools/long_film.py CLIP GALLERY --hours 3 --log samples.jsonl

The packets are copied, nothing is encoded. Resident memory (Linux) is noted every 10 s. Prints one
JSON object: medians of the first and last third of the reading after its first minute, and the
most at any time, which is when the film is decided and its JSON and sidecar are written.
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

import av

WARM_UP_S = 60.0


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


def watch(process: subprocess.Popen[bytes], every_s: float, log: Path) -> list[dict[str, float]]:
    """Note a process's memory until it ends."""
    samples, began = [], time.monotonic()
    with log.open("w") as file:
        while process.poll() is None:
            try:
                anonymous, resident = resident_mb(process.pid)
            except (OSError, KeyError):  # it has just ended
                break
            at_s = time.monotonic() - began
            sample = {"s": round(at_s, 1), "anonymous_mb": anonymous, "resident_mb": resident}
            samples.append(sample)
            file.write(json.dumps(sample) + "\n")
            file.flush()
            time.sleep(every_s)
    return samples


def summarised(samples: list[dict[str, float]]) -> dict[str, float]:
    """Return what the samples say."""
    warm = [s["anonymous_mb"] for s in samples if s["s"] >= WARM_UP_S] or [
        s["anonymous_mb"] for s in samples
    ]
    third = max(1, len(warm) // 3)
    return {
        "seconds": samples[-1]["s"],
        "anonymous_mb_first_third": round(median(warm[:third]), 1),
        "anonymous_mb_last_third": round(median(warm[-third:]), 1),
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
            samples = watch(process, given.every, given.log)
        told = {"rc": process.wait(), "repeats": count, **summarised(samples)}
        told["json_mb"] = round(found.stat().st_size / 1e6, 1)
        told["sidecar_mb"] = round(Path(folder, "film.tvradar.json").stat().st_size / 1e6, 1)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
