"""Give the reader of pictures thousands of damaged files: each is read or refused, nothing else.

    python tools/fuzz_pictures.py --count 20000

Small pictures of every format, with EXIF, grids, animations and odd kinds of pixels, are changed at
random: bits, numbers in headers, pieces cut out, put in twice or taken from another file. Worker
processes read them as every command does and search some of them for faces. A crash, an error that
is not ours, more than ten seconds or more memory than was promised is a finding: the file is kept,
and the tool ends with 1.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PIL import Image

from tests.unit.engines.pictures.heif_grid import grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLOW_S = 10.0
MEMORY_MB = 600
BATCH = 25
FACES_EVERY = 20
"""One picture that was read in this many is searched for faces as enrolment does."""
EXTREME = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SIZE = (96, 64)
MODES = (
    ("L", "JPEG"),
    ("CMYK", "JPEG"),
    ("P", "PNG"),
    ("RGBA", "PNG"),
    ("LA", "PNG"),
    ("1", "PNG"),
    ("RGBA", "WEBP"),
    ("RGBA", "AVIF"),
    ("L", "TIFF"),
    ("F", "TIFF"),
    ("1", "TIFF"),
    ("P", "BMP"),
    ("L", "JPEG2000"),
)


@dataclass
class Found:
    """What became of the pictures.

    Attributes:
        outcomes: how many were read, refused and so on.
        reasons: the errors of ours, without their numbers.
        slowest_s: of one picture.
        memory_mb: the most that a worker had.
        findings: number of the picture and what is wrong.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    memory_mb: float = 0.0
    findings: list[tuple[int, str]] = field(default_factory=list)

    def note(self, number: int, outcome: str, took_s: float) -> None:
        """Count one file; one that took long is a finding."""
        self.outcomes[outcome] += 1
        self.slowest_s = max(self.slowest_s, took_s)
        if took_s > SLOW_S:
            self.findings.append((number, f"took {took_s:.1f} s"))

    def note_memory(self, number: int, most_mb: float) -> None:
        """Look at this process's memory after some files; too much is a finding."""
        self.memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if self.memory_mb > most_mb:
            self.findings.append((number, f"a worker had {self.memory_mb:.0f} MB"))

    def add(self, other: Found) -> None:
        self.outcomes += other.outcomes
        self.reasons += other.reasons
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.memory_mb = max(self.memory_mb, other.memory_mb)
        self.findings += other.findings


def seeds() -> list[bytes]:
    """Return whole pictures of all kinds, the same in every process."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (8, 12, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    ways: list[tuple[str, dict[str, Any]]] = [
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "exif": exif}),
        ("JPEG", {"subsampling": 0, "restart_marker_blocks": 2}),
        ("PNG", {"exif": exif}),
        ("PNG", {"compress_level": 0}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": exif}),
        ("BMP", {}),
        ("TIFF", {"exif": exif}),
        *(("TIFF", {"compression": c}) for c in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        ("AVIF", {"exif": exif}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True, "tile_size": (32, 32)}),
        ("GIF", {}),
        ("MPO", {"save_all": True, "append_images": [image]}),
    ]
    found = [_saved(image, kind, options) for kind, options in ways]
    for mode, kind in MODES:
        found.append(_saved(image.convert(mode), kind, {}))
    deep = Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16)) << 8)
    found += [_saved(deep, "PNG", {}), _saved(deep, "TIFF", {})]
    moving = {"save_all": True, "append_images": [image.rotate(90), image]}
    found += [_saved(image, kind, moving) for kind in ("GIF", "WEBP", "PNG", "AVIF", "TIFF")]
    tiles = [[image.resize((64, 64))] * 2] * 2
    found += [
        grid(tiles, kind, quarter_turns=turns) for kind in ("avif", "heic") for turns in (0, 1)
    ]
    found.append(grid([[image.resize((64, 64))]], "heic"))
    return found


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mutated(whole: list[bytes], number: int, seed: int) -> bytes:
    """Return a damaged picture; the same for the same number and seed."""
    random = np.random.default_rng((seed, number))
    data = bytearray(whole[random.integers(len(whole))])
    for _ in range(random.geometric(0.7)):
        # Headers are where sizes and counts are: half of the changes fall there.
        top = min(len(data), 200) if random.random() < 0.5 else len(data)
        at = int(random.integers(max(1, top)))
        way = int(random.integers(7))
        if way == 0 and data:
            data[at % len(data)] ^= 1 << int(random.integers(8))
        elif way == 1:
            width = int(random.choice([1, 2, 4]))
            value = int(random.choice(EXTREME)) & ((1 << 8 * width) - 1)
            order = "big" if random.random() < 0.5 else "little"
            data[at : at + width] = value.to_bytes(width, order)
        elif way == 2:
            data[at : at + int(random.integers(1, 64))] = b""
        elif way == 3:
            piece = bytes(data[at : at + int(random.integers(1, 400))])
            data[at:at] = piece * int(random.choice([1, 1, 2, 50]))
        elif way == 4:
            other = whole[random.integers(len(whole))]
            start = int(random.integers(len(other)))
            data[at:] = other[start:]
        elif way == 5:
            del data[at:]
        else:
            data[at : at + 8] = random.bytes(8)
    return bytes(data)


_pipeline: Any = None


def start() -> None:
    """Load the models in a worker, and bound what a fault could take from the machine."""
    global _pipeline  # noqa: PLW0603
    from gallery.enrol.embed import enrolment_pipeline

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _pipeline = enrolment_pipeline(1)


def work(first: int, count: int, seed: int, most_mb: float) -> Found:
    """Read some damaged pictures in a worker."""
    found = Found()
    whole = seeds()
    for number in range(first, first + count):
        begun = time.monotonic()
        outcome = _read(mutated(whole, number, seed), number, found)
        found.note(number, outcome, time.monotonic() - begun)
    found.note_memory(first, most_mb)
    return found


def _read(data: bytes, number: int, found: Found) -> str:
    from edge.video.picture import is_still
    from engines.errors import PictureError
    from engines.pictures.read import decode
    from gallery.enrol.embed import largest_face

    def read() -> str:
        is_still(io.BytesIO(data), "p.jpg")
        picture = decode(io.BytesIO(data), "p")
        if number % FACES_EVERY == 0:
            largest_face(_pipeline, picture.bgr)
        return "read"

    return outcome_of(read, PictureError, number, found)


def outcome_of(
    read: Callable[[], str],
    refusal: type[Exception],
    number: int,
    found: Found,
    without: str = "",
) -> str:
    """Return what became of a file; note a refusal's reason, and any other error as a finding.

    Args:
        read: reads it, and says how far that went.
        refusal: the error by which a file may be refused.
        number: of the file.
        found: gets the notes.
        without: left out of reasons, so that they can be counted.
    """
    try:
        return read()
    except refusal as error:
        text = str(error).replace(without, "f") if without else str(error)
        found.reasons["".join(c for c in text if not c.isdigit())[:70]] += 1
        return "refused"
    except BaseException as error:  # noqa: BLE001  (that is what is looked for)
        found.findings.append((number, f"{type(error).__name__}: {error}"))
        return "other error"


@dataclass(frozen=True)
class Task:
    """What a worker does: once, and for each batch (first number, count, seed, memory in MB)."""

    start: Callable[[], None]
    work: Callable[[int, int, int, float], Found]


def fuzz(count: int, seed: int, workers: int, most_mb: float, task: Task | None = None) -> Found:
    """Read this many damaged files in worker processes that may die.

    Args:
        count: how many.
        seed: of the damage.
        workers: processes.
        most_mb: memory that a worker may have.
        task: what workers do; pictures by default.
    """
    task = task or Task(start, work)
    total = Found()
    left = [(n, min(BATCH, count - n)) for n in range(0, count, BATCH)]
    while left:
        lost = _pool(left, seed, workers, total, most_mb, task)
        left = []
        for first, size in lost:
            if size == 1:
                total.findings.append((first, "ended the process that read it"))
                total.outcomes["crash"] += 1
            else:
                left += [(n, 1) for n in range(first, first + size)]
        if left:
            workers = 1  # one picture at a time, so that no other is blamed
    return total


def _pool(
    batches: list[tuple[int, int]],
    seed: int,
    workers: int,
    total: Found,
    most_mb: float,
    task: Task,
) -> list[tuple[int, int]]:
    """Do batches; return those that were lost when a worker died."""
    context = multiprocessing.get_context("spawn")
    waiting = list(batches)
    lost = []
    while waiting:
        step = waiting[: 1 if workers == 1 else 40 * workers]
        with ProcessPoolExecutor(workers, context, task.start) as pool:
            running = [(batch, pool.submit(task.work, *batch, seed, most_mb)) for batch in step]
            for batch, future in running:
                try:
                    total.add(future.result())
                except BrokenProcessPool:  # noqa: PERF203
                    lost.append(batch)
        waiting = waiting[len(step) :]
    return lost


def told(found: Found, count: int, took_s: float, kind: str = "pictures") -> Iterator[str]:
    """Yield the figures as lines."""
    outcomes = ", ".join(f"{n} {what}" for what, n in found.outcomes.most_common())
    yield f"{count} damaged {kind} in {took_s:.0f} s: {outcomes}"
    yield f"slowest {found.slowest_s:.2f} s, largest worker {found.memory_mb:.0f} MB"
    for reason, times in found.reasons.most_common(8):
        yield f"  {times} x {reason}"
    for number, what in found.findings:
        yield f"FOUND {number}: {what}"


def main() -> int:
    """Run the tool."""
    return run(__doc__, "pictures", 20_000, MEMORY_MB, Task(start, work), seeds)


def run(
    what: str | None,
    kind: str,
    count: int,
    memory_mb: float,
    task: Task,
    whole: Callable[[], list[bytes]],
) -> int:
    """Read the arguments, fuzz, tell what was found and keep its files; return the exit status.

    Args:
        what: describes the tool.
        kind: of the files, in the plural.
        count: files, unless told otherwise.
        memory_mb: of a worker, unless told otherwise.
        task: what workers do.
        whole: gives the files that are damaged.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory-mb", type=float, default=memory_mb)
    parser.add_argument("--keep", type=Path, help="folder for the files of findings")
    given = parser.parse_args()
    begun = time.monotonic()
    found = fuzz(given.count, given.seed, given.workers, given.memory_mb, task)
    print("\n".join(told(found, given.count, time.monotonic() - begun, kind)))
    if given.keep and found.findings:
        given.keep.mkdir(parents=True, exist_ok=True)
        for number, _ in found.findings:
            (given.keep / f"{number}.bin").write_bytes(mutated(whole(), number, given.seed))
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
