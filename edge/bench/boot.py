"""`bench boot`: from the start of the process to the first name on the screen.

`tvradar run` is started as an installer's unit starts it, several times, each in a process of its
own; the film begins with somebody whom the gallery knows, or the time to the first name means
little. With `cold` the pages of the gallery, the models and the libraries are dropped from the
system's cache before each start, which is what a device finds after its power came back.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import site
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edge.errors import EdgeError
from engines.files import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 60.0
POLL_S = 0.01


class Start(msgspec.Struct, frozen=True):
    """Seconds since the process was started.

    Attributes:
        serving_s: the page can be opened.
        first_frame_s: the first scene is there.
        first_name_s: somebody is named.
        peak_rss_mb: largest resident memory of the process until then.
    """

    serving_s: float
    first_frame_s: float
    first_name_s: float
    peak_rss_mb: float


class BootBench(msgspec.Struct, frozen=True):
    """Several starts; `first_name_s` and the others are medians, `worst_s` is of the first name."""

    serving_s: float
    first_frame_s: float
    first_name_s: float
    worst_s: float
    peak_rss_mb: float
    cold: bool
    starts: tuple[Start, ...]


def bench_boot(
    source: str,
    gallery_dir: Path,
    starts: int,
    *,
    cold: bool,
    on_start: Callable[[], None] = lambda: None,
) -> BootBench:
    """Start the service this many times.

    Raises:
        EdgeError: it ended early, or named nobody in time.
    """
    found = []
    for _ in range(starts):
        if cold:
            forget([gallery_dir, cache_dir(), *map(Path, site.getsitepackages()), Path(source)])
        found.append(_start(source, gallery_dir))
        on_start()
    names = [s.first_name_s for s in found]
    return BootBench(
        _median([s.serving_s for s in found]),
        _median([s.first_frame_s for s in found]),
        _median(names),
        max(names),
        max(s.peak_rss_mb for s in found),
        cold,
        tuple(found),
    )


def forget(places: list[Path]) -> int:
    """Drop the pages of files and of all files in folders from the system's cache; return how many.

    What another process has mapped stays.
    """
    dropped = 0
    for path in _files(places):
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            dropped += 1
        finally:
            os.close(handle)
    return dropped


def _files(places: list[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from (p for p in place.rglob("*") if p.is_file())
        elif place.is_file():
            yield place


def _start(source: str, gallery_dir: Path) -> Start:
    begun = time.perf_counter()
    with started("bench boot", ["--source", source, "--gallery", str(gallery_dir)]) as (
        process,
        url,
    ):
        serving = time.perf_counter() - begun
        first_frame = _wait(process, url, bool) - begun
        first_name = _wait(process, url, _names_somebody) - begun
        peak = peak_rss_mb(process.pid)
    return Start(round(serving, 3), round(first_frame, 3), round(first_name, 3), peak)


@contextlib.contextmanager
def started(who: str, options: list[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the service in a process of its own; give it and its address when it serves.

    Args:
        who: asks for it, for the error.
        options: of `tvradar run`.

    Raises:
        EdgeError: it ended at once.
    """
    script = Path(sys.executable).with_name("tvradar")
    command = [str(script if script.is_file() else Path(sys.argv[0])), "run", "--port", "0"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)  # noqa: S603
    # What it logs from then on is taken off it, or it would wait for a reader in the end.
    rest = threading.Thread(target=deque, args=[process.stderr, 0], daemon=True)
    try:
        url = _address(who, process)
        rest.start()
        yield process, url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if rest.is_alive():
            rest.join()
        if process.stderr:
            process.stderr.close()


def _address(who: str, process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line.strip())
        if found := re.search(r"http://\S+", line):
            return found.group()
    raise EdgeError(f"{who}: the service ended with {process.wait()}: {' '.join(told[-2:])}")


def ask(who: str, process: subprocess.Popen[str], address: str) -> bytes:
    """Return what a service that `started` gave answers.

    Args:
        who: asks for it, for the error.
        process: the service.
        address: of one of its pages.

    Raises:
        EdgeError: it does not answer any more.
    """
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
            body: bytes = answer.read()
    except OSError as error:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        ended = "" if process.returncode is None else f", it ended with {process.returncode}"
        raise EdgeError(
            f"{who}: the service does not answer ({error}){ended};"
            " `tvradar run` with the same source says why"
        ) from error
    return body


def _wait(
    process: subprocess.Popen[str], url: str, wanted: Callable[[dict[str, Any]], bool]
) -> float:
    """Return when a scene was first as wanted, by the clock of `time.perf_counter`."""
    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline and process.poll() is None:
        scene = json.loads(ask("bench boot", process, f"{url.rstrip('/')}/api/scene") or b"null")
        if scene and wanted(scene):
            return time.perf_counter()
        time.sleep(POLL_S)
    raise EdgeError(f"bench boot: nobody named within {PATIENCE_S:.0f} s")


def _names_somebody(scene: dict[str, Any]) -> bool:
    return any(face.get("id") for face in scene["faces"])


def peak_rss_mb(pid: int) -> float:
    """Return the largest resident memory that a process has had."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return round(int(found.group(1)) / 1024, 1) if found else 0.0


def _median(values: list[float]) -> float:
    return round(float(np.median(values)), 3)
