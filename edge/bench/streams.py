"""`bench streams`: several sources at once on one machine, each by a service of its own.

Each service plays the same film at its own speed, as a live source would, so that what a service
has no time for is dropped and counted.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.bench.boot import ask, peak_rss_mb, started
from edge.bench.press import pass_time

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

WARM_S = 10.0


class Stream(msgspec.Struct, frozen=True):
    """One service.

    Attributes:
        recognised_per_s: frames that became scenes.
        dropped_per_s: frames that newer ones replaced.
        cores: how many of the machine's it used.
    """

    recognised_per_s: float
    dropped_per_s: float
    cores: float


class StreamsBench(msgspec.Struct, frozen=True):
    """All services at once.

    Attributes:
        machine: their share of all cores.
        peak_rss_mb: the largest resident memory of one of them.
    """

    seconds: float
    machine: float
    peak_rss_mb: float
    streams: tuple[Stream, ...]


def bench_streams(
    source: str,
    gallery_dir: Path,
    count: int,
    seconds: float,
    on_second: Callable[[], None] = lambda: None,
) -> StreamsBench:
    """Measure; see the module.

    Raises:
        EdgeError: a service did not start, or ended.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tvradar-bench-"))
        config = Path(folder) / "tvradar.toml"
        # JSON's strings are TOML's too.
        words = (json.dumps(word) for word in (source, str(gallery_dir)))
        config.write_text("source = {}\ngallery = {}\nloop = true\n".format(*words))
        run = ["--config", str(config)]
        services = [stack.enter_context(started("bench streams", run)) for _ in range(count)]
        time.sleep(WARM_S)
        before = [_figures(process, url) for process, url in services]
        took_s = pass_time(seconds, on_second)
        after = [_figures(process, url) for process, url in services]
        peak_mb = max(peak_rss_mb(process.pid) for process, _ in services)
    streams = tuple(
        Stream(*(round((late - early) / took_s, 2) for early, late in zip(*pair, strict=True)))
        for pair in zip(before, after, strict=True)
    )
    machine = sum(stream.cores for stream in streams) / (os.cpu_count() or 1)
    return StreamsBench(round(took_s, 1), round(machine, 3), peak_mb, streams)


def _figures(process: subprocess.Popen[str], url: str) -> tuple[float, float, float]:
    """Return the frames recognised and dropped so far, and the seconds of CPU used."""
    lines = ask("bench streams", process, url.rstrip("/") + "/metrics").decode().splitlines()
    counts = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    used_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return (
        float(counts["tvradar_frames_total"]),
        float(counts["tvradar_frames_dropped_total"]),
        used_s,
    )
