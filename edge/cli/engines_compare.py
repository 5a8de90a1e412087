"""The command `engines compare`: models of the catalog on the same pictures, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.table import Table

from calibration.openset.evaluate import Searches, evaluate
from edge.cli.console import out, print_json, progress_bar, warn_of
from edge.config import DEFAULT_FPIR
from edge.errors import UsageError
from edge.json_output import ComparedAll
from engines.catalog import find_model, load_catalog
from engines.choose import example, time_ms
from engines.errors import PictureError
from engines.fetch import fetch
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.pictures.read import read_picture
from engines.pipeline import FacePipeline, load_pipeline, unit
from gallery.enrol.embed import largest_face
from gallery.enrol.folders import find_people

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ENROLLED = 3
FPIR = DEFAULT_FPIR
LEAST_PEOPLE = 6


@dataclass(frozen=True, slots=True)
class _Pair:
    detector: str
    embedder: str


class Compared(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        detector, embedder: names in the catalog.
        licences: of both.
        mb: megabytes of both FP32 graphs.
        detect_ms: one 640x384 picture, one thread.
        embed_ms: one face, one thread.
        found: share of the pictures in which a face was found.
        rank1, rank1_low, rank1_high: share of the searches of enrolled people that find them first,
            with the 95 % interval by person.
        tpir, tpir_low, tpir_high: the same, above the threshold that names 1 % of the strangers.
        mated, nonmated: searches of enrolled people and of strangers.
        supported: whether there were enough strangers for that rate.
    """

    detector: str
    embedder: str
    licences: str
    mb: float
    detect_ms: float
    embed_ms: float
    found: float
    rank1: float
    rank1_low: float
    rank1_high: float
    tpir: float
    tpir_low: float
    tpir_high: float
    mated: int
    nonmated: int
    supported: bool


def compare(images: Path, wanted: list[str], pictures: int, *, json: bool) -> None:
    """Print what each pair of models makes of a folder of people."""
    pairs = [_pair(text) for text in wanted] or _all_pairs()
    found = find_people(images)
    warn_of(found.left_out)
    folders = found.folders
    if len(folders) < LEAST_PEOPLE:
        raise UsageError(f"{images}: {len(folders)} people, expected at least {LEAST_PEOPLE}")
    files = [(n, path) for n, folder in enumerate(folders) for path in folder.pictures[:pictures]]
    names = {name for pair in pairs for name in (pair.detector, pair.embedder)}
    times = _times(sorted(names))
    rows = []
    with progress_bar("pictures") as progress:
        task = progress.add_task("compare", total=len(files) * len(pairs))
        for pair in pairs:
            pipeline = load_pipeline(
                threads=2, precision="fp32", detector=pair.detector, embedder=pair.embedder
            )
            faces = []
            for owner, path in files:
                faces.append((owner, _vector(pipeline, path)))
                progress.advance(task)
            rows.append(_row(pair, faces, times))
    if json:
        print_json(ComparedAll(str(images), FPIR, rows))
        return
    _print(rows)


def _pair(text: str) -> _Pair:
    detector, plus, embedder = text.partition("+")
    tasks = [find_model(name).task for name in (detector, embedder)] if plus else []
    if tasks != ["detector", "embedder"]:
        raise UsageError(f"{text}: expected DETECTOR+EMBEDDER, as yunet+sface")
    return _Pair(detector, embedder)


def _all_pairs() -> list[_Pair]:
    models = load_catalog().items()
    detectors = [name for name, model in models if model.task == "detector"]
    embedders = [name for name, model in models if model.task == "embedder"]
    return [_Pair(d, e) for d in detectors for e in embedders]


def _times(names: list[str]) -> dict[str, float]:
    """Return ms of one run of each model, the better of two medians, in turn."""
    engines = {name: OnnxRuntimeEngine(fetch(name), threads=1) for name in names}
    found = dict.fromkeys(names, float("inf"))
    for _ in range(2):
        for name, engine in engines.items():
            found[name] = min(found[name], time_ms(engine, example(name, 1)))
    return found


def _vector(pipeline: FacePipeline, path: Path) -> NDArray[np.float32] | None:
    try:
        found = largest_face(pipeline, read_picture(path))
    except PictureError as error:
        warn_of([str(error)])
        return None
    return None if found is None else found[0].vectors[0]


def _row(
    pair: _Pair, faces: list[tuple[int, NDArray[np.float32] | None]], times: dict[str, float]
) -> Compared:
    templates: list[NDArray[np.float32]] = []
    enrolled: list[int] = []
    probes: list[tuple[int, NDArray[np.float32]]] = []
    for owner in sorted({owner for owner, _ in faces}):
        vectors = [v for o, v in faces if o == owner and v is not None]
        if owner % 3 and len(vectors) > ENROLLED:
            templates.append(unit(np.sum(vectors[:ENROLLED], axis=0)))
            enrolled.append(owner)
            vectors = vectors[ENROLLED:]
        probes += [(owner, v) for v in vectors]
    owners = np.array([owner for owner, _ in probes])
    scores = np.stack([v for _, v in probes]) @ np.stack(templates).T
    best, right = scores.max(axis=1), np.array(enrolled)[scores.argmax(axis=1)] == owners
    mated = np.isin(owners, enrolled)

    def searches(which: NDArray[np.bool_]) -> Searches:
        return Searches(owners[which].astype(str), best[which].astype(np.float64), right[which])

    found = evaluate(searches(mated), searches(~mated), (FPIR,))
    rate = found.rates[0]
    models = [find_model(name) for name in (pair.detector, pair.embedder)]
    return Compared(
        pair.detector,
        pair.embedder,
        "; ".join(model.licence for model in models),
        sum(fetch(name).stat().st_size for name in (pair.detector, pair.embedder)) / 1e6,
        times[pair.detector],
        times[pair.embedder],
        sum(v is not None for _, v in faces) / len(faces),
        found.rank1,
        *found.rank1_interval,
        rate.tpir,
        rate.low,
        rate.high,
        found.mated,
        found.nonmated,
        rate.supported,
    )


def _print(rows: list[Compared]) -> None:
    table = Table("models", "MB", "detect ms", "embed ms", "faces", "rank-1", "TPIR")
    for r in rows:
        table.add_row(
            f"{r.detector}\n+ {r.embedder}",
            f"{r.mb:.1f}",
            f"{r.detect_ms:.1f}",
            f"{r.embed_ms:.1f}",
            f"{r.found:.1%}",
            f"{r.rank1:.1%}\n{r.rank1_low:.0%} to {r.rank1_high:.0%}",
            f"{r.tpir:.1%}\n{r.tpir_low:.0%} to {r.tpir_high:.0%}",
        )
    out.print(table)
    for name in sorted({name for r in rows for name in (r.detector, r.embedder)}):
        out.print(f"{name}: {find_model(name).licence}")
    last = rows[-1]
    out.print(
        f"{last.mated} searches of enrolled people, {last.nonmated} of strangers; TPIR at the "
        "threshold that names 1 % of these strangers; FP32, one thread"
    )
    if not last.supported:
        out.print("fewer than 100 searches of strangers: they cannot tell a rate of 1 %")
