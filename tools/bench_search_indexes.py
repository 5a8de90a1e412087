"""Our search beside hnswlib, faiss and usearch, on the same people and probes, in one run.

    .venv/bin/python tools/bench_search_indexes.py --people 1000,10000,100000,1000000 [--sketch]
        [--real embeddings.npz]

What is not installed is left out. One thread for all. `decisions` is the share of probes, half of
them strangers, whose decision at the working threshold is that of float exact search. Output is a
Markdown table for docs/search.md.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from edge.bench.search import Problem, bench_search, exact_float, make_problem
from edge.bench.synthetic import SyntheticFaces
from gallery.search import search as search_module
from gallery.search.open import open_gallery
from gallery.store.person import Person
from gallery.store.store import create_gallery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Ask = Any
"""A function of probes float32 (m, d) that returns best intp (m,) and scores float32 (m,)."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", default="1000,10000,100000")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--probes", type=int, default=2000)
    parser.add_argument("--ours-probes", type=int, default=10_000)
    parser.add_argument("--sketch", action="store_true", help="table of candidate counts")
    parser.add_argument("--real", type=Path, help="V float32 (n, d), Y int (n,) for --sketch")
    chosen = parser.parse_args()
    sizes = [int(n) for n in chosen.people.split(",")]
    if chosen.sketch:
        for people in sizes:
            sketch_table(people, chosen.dim, chosen.probes, chosen.real)
        return
    print("| people | search | p50 / p99 ms | 8 probes ms | build s | decisions | rank 1 |")
    print("|---|---|---|---|---|---|---|")
    for people in sizes:
        ours = bench_search(people, chosen.dim, probes=chosen.ours_probes)
        print(
            f"| {people:,} | **tvradar ({ours.index})** | {ours.p50_ms:.2f} / {ours.p99_ms:.2f} | "
            f"{ours.batch8_ms:.2f} | {ours.build_s:.1f} | {ours.agreement:.4f} | "
            f"{ours.rank1_agreement:.3f} |",
            flush=True,
        )
        print(
            f"<!-- {people:,}: templates {ours.file_mb} MB, people {ours.people_mb} MB, anonymous "
            f"{ours.anon_mb} MB, load {ours.load_ms} ms, threshold {ours.threshold}, TPIR "
            f"{ours.tpir}, {ours.probes} probes -->"
        )
        problem = make_problem(people, chosen.dim, chosen.probes)
        for name, build in peers(people):
            start = time.perf_counter()
            asks = build(problem.templates)
            build_s = time.perf_counter() - start
            for setting, ask in asks:
                report(people, f"{name} {setting}".strip(), build_s, problem, ask)
            del asks


def report(people: int, name: str, build_s: float, problem: Problem, ask: Ask) -> None:
    """Print a peer's row."""
    single, batch = [], []
    for n in range(min(300, len(problem.probes))):
        start = time.perf_counter()
        ask(problem.probes[n : n + 1])
        single.append(1e3 * (time.perf_counter() - start))
    for n in range(0, 240, 8):
        start = time.perf_counter()
        ask(problem.probes[n : n + 8])
        batch.append(1e3 * (time.perf_counter() - start))
    found = [ask(problem.probes[n : n + 8]) for n in range(0, len(problem.probes), 8)]
    best = np.concatenate([b for b, _ in found])
    scores = np.concatenate([s for _, s in found])
    p50, p99 = np.percentile(single, [50, 99])
    print(
        f"| {people:,} | {name} | {p50:.2f} / {p99:.2f} | {np.median(batch):.2f} | {build_s:.1f} | "
        f"{problem.agreement(best, scores):.4f} | {(best == problem.best).mean():.3f} |",
        flush=True,
    )


def peers(people: int) -> Iterator[tuple[str, Callable[[Any], list[tuple[str, Ask]]]]]:
    """Yield a name and a builder for each index that can be had here."""
    yield "numpy float32, exact", numpy_exact
    for module, name, build in (
        ("faiss", "faiss SQ8 flat, exact", faiss_sq8),
        ("faiss", "faiss IVF SQ8", faiss_ivf),
        ("hnswlib", "hnswlib", hnsw),
        ("usearch", "usearch HNSW int8", usearch_hnsw),
    ):
        if people > 200_000 and module in {"hnswlib", "usearch"}:
            continue
        try:
            importlib.import_module(module)
        except ImportError:
            print(f"<!-- {name}: not installed -->")
            continue
        yield name, build


def numpy_exact(templates: Any) -> list[tuple[str, Ask]]:
    """Exact float search with BLAS."""
    return [("", lambda probes: exact_float(templates, probes))]


def faiss_sq8(templates: Any) -> list[tuple[str, Ask]]:
    """Scan all 8-bit rows with faiss."""
    import faiss

    faiss.omp_set_num_threads(1)
    kind = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexScalarQuantizer(templates.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(templates[:100_000])
    index.add(templates)
    return [("", lambda probes: first(*reversed(index.search(probes, 5))))]


def faiss_ivf(templates: Any) -> list[tuple[str, Ask]]:
    """Cells of 8-bit rows by faiss."""
    import faiss

    faiss.omp_set_num_threads(1)
    dim, cells = templates.shape[1], max(4, int(np.sqrt(len(templates)) * 2))
    flat = faiss.IndexFlatIP(dim)
    kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(flat, dim, cells, kind, metric)
    index.train(templates[: 40 * cells])
    index.add(templates)

    def at(nprobe: int) -> Ask:
        def ask(probes: Any) -> Any:
            index.nprobe = nprobe
            return first(*reversed(index.search(probes, 5)))

        return ask

    return [(f"{cells} cells, nprobe {n}", at(n)) for n in (16, 64)]


def hnsw(templates: Any) -> list[tuple[str, Ask]]:
    """A graph of float rows by hnswlib."""
    import hnswlib

    index = hnswlib.Index("ip", templates.shape[1])
    index.init_index(len(templates), M=16, ef_construction=200)
    index.add_items(templates, num_threads=2)
    index.set_num_threads(1)

    def at(ef: int) -> Ask:
        def ask(probes: Any) -> Any:
            index.set_ef(ef)
            labels, distances = index.knn_query(probes, k=5)
            return first(labels, 1 - distances)

        return ask

    return [(f"M 16, ef {ef}", at(ef)) for ef in (64, 128, 512)]


def usearch_hnsw(templates: Any) -> list[tuple[str, Ask]]:
    """A graph of 8-bit rows by usearch."""
    from usearch.index import Index

    index = Index(ndim=templates.shape[1], metric="cos", dtype="i8", expansion_search=256)
    index.add(np.arange(len(templates)), templates, threads=2)

    def ask(probes: Any) -> Any:
        found = index.search(probes, 5, threads=1)
        keys, distances = np.atleast_2d(found.keys), np.atleast_2d(found.distances)
        return first(keys, 1 - distances)

    return [("ef 256", ask)]


def first(labels: Any, scores: Any) -> Any:
    """Return the best of each row."""
    return labels[:, 0].astype(np.intp), scores[:, 0].astype(np.float32)


def sketch_table(people: int, dim: int, probes: int, real: Path | None) -> None:
    """Print time against changed decisions for several numbers of candidates."""
    if real is not None:
        problem = among_real(people, dim, real)
    else:
        problem = make_problem(people, dim, probes)
    folder = Path(tempfile.mkdtemp(prefix="tvradar-sketch-"))
    everybody = [Person(f"p{n:07d}", {"en": "A"}) for n in range(len(problem.templates))]
    owners = np.arange(len(everybody), dtype=np.int32)
    create_gallery(folder, everybody, problem.templates, owners, "bench-1")
    gallery = open_gallery(folder)
    kind = "real among synthetic" if real else "synthetic"
    print(
        f"| {kind}, {len(everybody):,} people, {len(problem.probes)} probes: candidates | ", end=""
    )
    print("p50 CPU ms | changed decisions | rank 1 |\n|---|---|---|---|")
    for candidates in (1024, 2048, 4096, 8192, 16_384):
        search_module.CANDIDATES = candidates
        times, best, scores = [], [], []
        for probe in problem.probes:
            start = time.thread_time()
            found = gallery.search(probe[None], 1)
            times.append(1e3 * (time.thread_time() - start))
            best.append(int(found.ids[0][0][1:]))
            scores.append(found.scores[0, 0])
        changed = 1 - problem.agreement(np.array(best), np.array(scores))
        same = (np.array(best) == problem.best).mean()
        print(
            f"| {candidates:,} | {np.median(times):.2f} | {changed:.2%} | {same:.3f} |", flush=True
        )


def among_real(people: int, dim: int, path: Path) -> Problem:
    """Return a problem with real people enrolled and asked for, among synthetic ones.

    Half of the real people are enrolled with their first picture; the others are the strangers.
    """
    loaded = np.load(path)
    vectors, who = loaded["V"].astype(np.float32), loaded["Y"]
    enrolled = np.unique(who)[::2]
    firsts = [int(np.flatnonzero(who == person)[0]) for person in enrolled]
    crowd = SyntheticFaces(dim, seed=9)
    others = crowd.pictures(crowd.identities(people - len(firsts)), 0)
    # The real ones' shared direction differs from the synthetic one: turn the crowd into it.
    mean = vectors.mean(axis=0)
    mean /= np.linalg.norm(mean)
    shared = others[:20_000].mean(axis=0)
    shared /= np.linalg.norm(shared)
    normal = (shared - mean) / np.linalg.norm(shared - mean)
    others = others - 2 * (others @ normal)[:, None] * normal
    templates = np.concatenate([vectors[firsts], others]).astype(np.float32)
    left = np.setdiff1d(np.arange(len(who)), firsts)
    best, scores = exact_float(templates, vectors[left])
    stranger = ~np.isin(who[left], enrolled)
    threshold = float(np.quantile(scores[stranger], 0.99))
    targets = np.where(stranger, -1, 0)
    return Problem(templates, vectors[left], targets, best, scores, threshold)


if __name__ == "__main__":
    main()
