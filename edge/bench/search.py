"""`tvradar bench search`: time, memory, size and agreement of search on synthetic people."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge.bench.synthetic import SyntheticFaces
from edge.config import DEFAULT_FPIR
from edge.recognise.thresholds import policy_for
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FPIR = DEFAULT_FPIR
"""Share of strangers who are named at the working threshold."""
_MODEL = "sface-2021dec"
"""Whose statistics synthetic people have."""
_BLOCK = 16_384


class SearchFigures(msgspec.Struct, frozen=True):
    """What `tvradar bench search --json` prints.

    Attributes:
        people, dim: size of the gallery, one template each.
        index: what searched: `exact` or `sketch`.
        p50_ms, p99_ms: one probe, one thread.
        cpu_p50_ms, cpu_p99_ms: CPU time of the same; on a busy machine it says more.
        batch8_ms: median of eight probes at once.
        file_mb: templates on the disk, in millions of bytes.
        people_mb: people on the disk.
        anon_mb: anonymous memory that opening and searching added to the process.
        load_ms: to open, with all CRCs checked; files in the page cache.
        thresholds_ms, thresholds_cpu_ms: to make the policy for tracks and the one for pictures, as
            after a swap; wall and processor time.
        build_s: to write the release.
        threshold: at which 1 % of strangers are named by float exact search.
        agreement: share of probes, half of them strangers, with the same decision (whom, or
            nobody) as float exact search.
        rank1_agreement: the same without a threshold.
        tpir: share of enrolled probes that are named rightly.
        searches, probes: how many were timed, and how many decided.
    """

    people: int
    dim: int
    index: str
    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float
    batch8_ms: float
    file_mb: float
    people_mb: float
    anon_mb: float
    load_ms: float
    thresholds_ms: float
    thresholds_cpu_ms: float
    build_s: float
    threshold: float
    agreement: float
    rank1_agreement: float
    tpir: float
    searches: int
    probes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A search problem with its true answers.

    Attributes:
        templates: float32 (n, d), one for each person.
        probes: float32 (m, d), the first half enrolled, the others strangers.
        targets: intp (m,), whom a probe shows, -1 for strangers.
        best: intp (m,), whom float exact search finds first.
        scores: float32 (m,), with which score.
        threshold: at which `FPIR` of the strangers are named.
    """

    templates: NDArray[np.float32]
    probes: NDArray[np.float32]
    targets: NDArray[np.intp]
    best: NDArray[np.intp]
    scores: NDArray[np.float32]
    threshold: float

    def decisions(self, best: NDArray[np.intp], scores: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return who is named, -1 for nobody."""
        return np.where(scores >= self.threshold, best, -1)

    def agreement(self, best: NDArray[np.intp], scores: NDArray[np.float32]) -> float:
        """Return the share of decisions that are those of float exact search."""
        same = self.decisions(best, scores) == self.decisions(self.best, self.scores)
        return float(same.mean())


@dataclass(frozen=True, slots=True)
class Measured:
    """What the measuring process found."""

    load_ms: float
    thresholds_ms: float
    thresholds_cpu_ms: float
    single_ms: NDArray[np.float64]
    cpu_ms: NDArray[np.float64]
    batch8_ms: NDArray[np.float64]
    anon_mb: float
    best: NDArray[np.intp]
    scores: NDArray[np.float32]
    index: str


def make_problem(people: int, dim: int, probes: int, seed: int = 0) -> Problem:
    """Return people, probes, and what float exact search says of them."""
    faces = SyntheticFaces(dim, seed)
    half = probes // 2
    everybody = faces.identities(people + half)
    templates = faces.pictures(everybody[:people], 0)
    targets = np.random.default_rng(seed + 1).integers(0, people, half)
    shown = np.concatenate([everybody[targets], everybody[people:]])
    views = faces.pictures(shown, 1)
    best, scores = exact_float(templates, views)
    return Problem(
        templates,
        views,
        np.concatenate([targets, np.full(half, -1)]).astype(np.intp),
        best,
        scores,
        float(np.quantile(scores[half:], 1 - FPIR)),
    )


def exact_float(
    templates: NDArray[np.float32], probes: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the best template of each probe, intp (m,), and its score, float32 (m,)."""
    best = np.zeros(len(probes), np.intp)
    scores = np.full(len(probes), -np.inf, np.float32)
    rows = np.arange(len(probes))
    for start in range(0, len(templates), _BLOCK):
        block = probes @ templates[start : start + _BLOCK].T
        top = block.argmax(axis=1)
        better = block[rows, top] > scores
        best[better] = top[better] + start
        scores[better] = block[rows, top][better]
    return best, scores


def bench_search(
    people: int,
    dim: int,
    *,
    probes: int = 10_000,
    searches: int = 1000,
    say: Callable[[str], None] = lambda _: None,
) -> SearchFigures:
    """Build a gallery of synthetic people in a temporary folder and measure search in it."""
    say(f"{people} people, {probes} probes: float exact search for comparison")
    problem = make_problem(people, dim, probes)
    folder = Path(tempfile.mkdtemp(prefix="tvradar-bench-"))
    try:
        say("writing the gallery")
        start = time.perf_counter()
        everybody = [Person(f"p{n:07d}", {"en": f"Person {n}"}) for n in range(people)]
        owners = np.arange(people, dtype=np.int32)
        release = create_gallery(folder, everybody, problem.templates, owners, _MODEL)
        build_s = time.perf_counter() - start
        del everybody
        say("searching, in a process of its own")
        measured = measure_apart(folder, problem.probes, searches)
    finally:
        shutil.rmtree(folder)
    enrolled = problem.targets >= 0
    named = problem.decisions(measured.best, measured.scores)
    return SearchFigures(
        people=people,
        dim=dim,
        index=measured.index,
        p50_ms=_round(np.percentile(measured.single_ms, 50)),
        p99_ms=_round(np.percentile(measured.single_ms, 99)),
        cpu_p50_ms=_round(np.percentile(measured.cpu_ms, 50)),
        cpu_p99_ms=_round(np.percentile(measured.cpu_ms, 99)),
        batch8_ms=_round(np.percentile(measured.batch8_ms, 50)),
        file_mb=_round(sum(s.templates_file.size for s in release.segments) / 1e6),
        people_mb=_round(sum(s.people_file.size for s in release.segments) / 1e6),
        anon_mb=_round(measured.anon_mb),
        load_ms=_round(measured.load_ms),
        thresholds_ms=_round(measured.thresholds_ms),
        thresholds_cpu_ms=_round(measured.thresholds_cpu_ms),
        build_s=_round(build_s),
        threshold=_round(problem.threshold),
        agreement=round(problem.agreement(measured.best, measured.scores), 5),
        rank1_agreement=round(float((measured.best == problem.best).mean()), 5),
        tpir=round(float((named == problem.targets)[enrolled].mean()), 4),
        searches=len(measured.single_ms),
        probes=probes,
    )


def measure_apart(folder: Path, probes: NDArray[np.float32], searches: int) -> Measured:
    """Return the figures of a gallery, measured in a new process, whose memory is its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measure, (folder, probes, searches))


def _measure(folder: Path, probes: NDArray[np.float32], searches: int) -> Measured:
    open_gallery(folder)  # once, so that the page cache and the lazy imports are warm
    before = _anonymous_mb()
    start = time.perf_counter()
    gallery = open_gallery(folder, _MODEL)
    load_ms = 1e3 * (time.perf_counter() - start)
    start, start_cpu = time.perf_counter(), time.process_time()
    for stills in (False, True):
        policy_for(gallery, FPIR, stills=stills)
    thresholds_ms = 1e3 * (time.perf_counter() - start)
    thresholds_cpu_ms = 1e3 * (time.process_time() - start_cpu)
    order = np.random.default_rng(0).permutation(len(probes))[:searches]
    gallery.search(probes[:8])
    single, cpu = [], []
    for n in order:
        probe = probes[n : n + 1]
        start, start_cpu = time.perf_counter(), time.thread_time()
        gallery.search(probe)
        cpu.append(1e3 * (time.thread_time() - start_cpu))
        single.append(1e3 * (time.perf_counter() - start))
    batch = []
    for n in range(0, min(len(probes), searches) - 7, 8):
        start = time.perf_counter()
        gallery.search(probes[n : n + 8])
        batch.append(1e3 * (time.perf_counter() - start))
    anonymous = _anonymous_mb() - before
    best = np.full(len(probes), -1, np.intp)
    scores = np.empty(len(probes), np.float32)
    for n in range(0, len(probes), 8):
        found = gallery.search(probes[n : n + 8], k=1)
        best[n : n + 8] = [int(ids[0][1:]) for ids in found.ids]
        scores[n : n + 8] = found.scores[:, 0]
    return Measured(
        load_ms=load_ms,
        thresholds_ms=thresholds_ms,
        thresholds_cpu_ms=thresholds_cpu_ms,
        single_ms=np.array(single),
        cpu_ms=np.array(cpu),
        batch8_ms=np.array(batch),
        anon_mb=anonymous,
        best=best,
        scores=scores,
        index=gallery.index,
    )


def _anonymous_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(found.group(1)) * 1024 / 1e6 if found else float("nan")


def _round(value: float | np.floating) -> float:
    return round(float(value), 3)
