"""The commands `engines list|check|compare-layers|bench`: what is here, is it sound, how fast."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import onnx
from rich.table import Table

from edge.cli.console import err, out, print_json, progress_bar
from edge.json_output import (
    BenchRow,
    Checked,
    EngineRow,
    EngineRows,
    EngineTimes,
    LayersCompared,
)
from engines.catalog import Model, default_models, load_catalog
from engines.choose import example, time_ms
from engines.errors import EngineGateError
from engines.fetch import fetch, fp32_path, present
from engines.foreign_onnx import read_known
from engines.int8_files import current_int8, require_passed
from engines.onnx_models.compare_layers import TAIL_TOLERANCE, compare_layers, smooth_pictures
from engines.onnx_models.polygraphy_lint import FREE_PX, is_here, polygraphy_lint
from engines.onnx_models.qdq_lint import Finding, lint
from engines.onnxruntime_engine import OnnxRuntimeEngine
from engines.text_reading.lines import LINE_HEIGHT_PX

if TYPE_CHECKING:
    from pathlib import Path

BATCHES = {"detector": (1,), "embedder": (1, 4, 8)}
THREADS = (1, 2)
FACE_TASKS = {"detector", "embedder"}
"""What calibration and TensorRT are for; text and voices are read in ONNX Runtime, in FP32."""


def list_models(*, json: bool) -> None:
    """Print each model with its files and what the gate said."""
    rows = [_model_row(name, model) for name, model in load_catalog().items()]
    if json:
        print_json(EngineRows(rows))
        return
    table = Table("model", "version", "task", "licence", "FP32", "INT8")
    for row in rows:
        here = f"{row.fp32_mb:.2f} MB" if row.present else f"no: tvradar engines fetch {row.model}"
        texts = (row.model, row.version, row.task, row.licence)
        table.add_row(*texts, here, row.int8_status)
    out.print(table)


def _model_row(name: str, model: Model) -> EngineRow:
    path, int8 = fp32_path(name), current_int8(name)
    status = "none, runs in FP32"
    if model.task in FACE_TASKS:
        status = f"none: tvradar calibrate int8 --model {name} --images DIR"
    if int8 is not None:
        status = f"{int8.stat().st_size / 1e6:.2f} MB, "
        try:
            require_passed(name, int8)
            status += "passed the gate, used where it is faster"
        except EngineGateError as error:
            status += str(error).split(": ", 1)[1].split(";")[0]
    return EngineRow(
        model=name,
        version=model.version,
        task=model.task,
        licence=model.licence,
        path=str(path),
        present=present(name) is not None,
        fp32_mb=path.stat().st_size / 1e6 if path.is_file() else 0.0,
        int8_path=str(int8 or ""),
        int8_status=status,
    )


def check_files(paths: list[Path], *, json: bool) -> int:
    """Lint ONNX files, or all that are in use; returns the exit code: 2 if anything was found."""
    if not paths:
        paths = [p for name in load_catalog() for p in (fp32_path(name), current_int8(name)) if p]
        paths = [p for p in paths if p.is_file()]
    found = {str(p): _findings(p) for p in paths}
    if not is_here():
        command = f"{sys.executable} -m pip install polygraphy onnx-graphsurgeon"
        err.print(f"Polygraphy's linter: not run; {command}", markup=False, soft_wrap=True)
    if json:
        print_json(Checked(found, not any(found.values())))
    else:
        for name, findings in found.items():
            out.print(f"{name}: {'no findings' if not findings else ''}", soft_wrap=True)
            for finding in findings:
                out.print(f"  {finding}", markup=False, soft_wrap=True)
    return 2 if any(found.values()) else 0


def _findings(path: Path) -> list[Finding]:
    data = read_known(path)
    sha256 = hashlib.sha256(data).hexdigest()
    tasks = {known.fp32_sha256: known.task for known in load_catalog().values()}
    return findings_of(onnx.load_from_string(data), tasks.get(sha256))


def findings_of(model: onnx.ModelProto, task: str | None) -> list[Finding]:
    """Return what is wrong with a graph.

    Args:
        model: the graph.
        task: as in the catalog; None for a foreign file. TensorRT's rules are for what it runs.
    """
    found = lint(model) if task is None or task in FACE_TASKS else []
    if not is_here():
        return found
    lines = task == "text-recogniser"
    free_px = (LINE_HEIGHT_PX, 4 * LINE_HEIGHT_PX) if lines else FREE_PX
    return [*found, *polygraphy_lint(model, free_px=free_px)]


def read_onnx(path: Path) -> onnx.ModelProto:
    """Return a graph: ours by its sha256, or looked at in a process with limits."""
    return onnx.load_from_string(read_known(path))


def show_layers(first: Path, second: Path, tolerance: float, *, json: bool) -> int:
    """Print each layer's drift; return the exit code: 2 if one drifts."""
    one, other = read_onnx(first), read_onnx(second)
    layers = compare_layers(one, other, smooth_pictures(one), tolerance)
    drifted = next((layer for layer in layers if layer.drifted), None)
    if json:
        print_json(LayersCompared(layers, drifted.tensor if drifted else None))
    else:
        title = f"{first.name} and {second.name}"
        table = Table("layer", "operator", "drift", "worst 3 %", title=title)
        for layer in layers:
            tail = f"{layer.tail:.4f}{' !' * layer.drifted}"
            table.add_row(layer.tensor, layer.operator, f"{layer.drift:.4f}", tail)
        out.print(table)
        at_most = f"at most {tolerance:g} and {TAIL_TOLERANCE:g}"
        if drifted is None:
            out.print(
                "no layer drifts: its median channel and the worst 3 % lose "
                f"{at_most} of their correlation"
            )
        else:
            err.print(
                f"{second.name}: {drifted.operator} {drifted.tensor} is the first layer that "
                f"drifts from {first.name}: its median channel loses {drifted.drift:.3f} of its "
                f"correlation, the worst 3 % of them {drifted.tail:.3f}, expected {at_most}; "
                "make the file again",
                markup=False,
                soft_wrap=True,
            )
    return 0 if drifted is None else 2


def bench(*, trials: int, json: bool) -> None:
    """Time every model in FP32 and INT8 by batch and threads, one run of each in turn."""
    rows: list[BenchRow] = []
    models = default_models()
    total = sum(len(BATCHES[m.task]) * len(THREADS) for m in models.values())
    with progress_bar("measurements") as progress:
        task = progress.add_task("measure", total=total)
        for name, model in models.items():
            for threads in THREADS:
                engines = {"fp32": OnnxRuntimeEngine(fetch(name), threads=threads)}
                if (path := current_int8(name)) is not None:
                    engines["int8"] = OnnxRuntimeEngine(path, threads=threads, precision="int8")
                for batch in BATCHES[model.task]:
                    rows.append(_row(name, threads, batch, engines, trials))
                    progress.advance(task)
    if json:
        print_json(EngineTimes(rows))
        return
    table = Table("engine", "model", "threads", "batch", "FP32 ms", "FP16 ms", "INT8 ms", "ratio")
    for r in rows:
        int8 = f"{r.int8_ms:.2f}" if r.int8_ms else "not calibrated"
        ratio = f"{r.ratio:.2f}" if r.ratio else ""
        cells = (r.model, str(r.threads), str(r.batch))
        table.add_row("ONNX Runtime", *cells, f"{r.fp32_ms:.2f}", "n/a", int8, ratio)
    for name in models:
        table.add_row("TensorRT", name, "", "", *["not run on hardware"] * 3, "")
    out.print(table)
    err.print("ms for one batch, median; ratio: FP32 over INT8")


def _row(
    name: str, threads: int, batch: int, engines: dict[str, OnnxRuntimeEngine], trials: int
) -> BenchRow:
    inputs = example(name, batch)
    # Other work on the machine comes and goes: the best of three medians, taken in turn.
    times = {k: min(time_ms(e, inputs, trials) for _ in range(3)) for k, e in engines.items()}
    int8 = times.get("int8")
    ratio = times["fp32"] / int8 if int8 else None
    return BenchRow(name, threads, batch, times["fp32"], int8, ratio)
