"""NVIDIA's own ONNX linter (`polygraphy check lint`), beside the rules of `qdq_lint`.

It loads a graph node by node in ONNX Runtime and names those that cannot be run. It parses the file
and runs it: in a process of its own.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engines.onnx_models.graph import Graph
from engines.onnx_models.qdq_lint import Finding

if TYPE_CHECKING:
    import onnx

SECONDS = 300
FREE_PX = (128, 128)
"""Height and width for a picture of free size."""
_RUN = "import sys; from polygraphy.tools import main; sys.exit(main())"


class _Entry(msgspec.Struct, frozen=True):
    level: str
    source: str
    message: str
    nodes: tuple[str, ...] | None = None


class _Report(msgspec.Struct, frozen=True):
    lint_entries: tuple[_Entry, ...]


def is_here() -> bool:
    """Return whether Polygraphy and what its linter needs are installed."""
    return all(importlib.util.find_spec(name) for name in ("polygraphy", "onnx_graphsurgeon"))


def polygraphy_lint(
    model: onnx.ModelProto, *, free_px: tuple[int, int] = FREE_PX, seconds: float = SECONDS
) -> list[Finding]:
    """Return what Polygraphy's linter finds, warnings about unused parts left out.

    Args:
        model: the graph.
        free_px: height and width where the graph leaves them open; one that it cannot take makes
            the linter try every node by itself, for minutes.
        seconds: what is not judged by then is a finding, too.
    """
    with tempfile.TemporaryDirectory(prefix="tvradar-lint-") as folder:
        file, report = Path(folder) / "model.onnx", Path(folder) / "report.json"
        file.write_bytes(model.SerializeToString())
        command = [sys.executable, "-c", _RUN, "check", "lint", str(file), "-o", str(report)]
        command += ["--input-shapes", *_shapes(model, free_px)]
        try:
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            problem = f"Polygraphy's linter was not done after {seconds:g} s"
            return [Finding("graph", problem, "run it again while less else runs")]
        if not report.is_file():
            told = (done.stderr or done.stdout).strip().splitlines()[-1:]
            problem = f"Polygraphy's linter ended with {done.returncode} ({''.join(told)})"
            return [Finding("graph", problem, "export the graph again")]
        entries = msgspec.json.decode(report.read_bytes(), type=_Report).lint_entries
    return [
        Finding(
            ", ".join(entry.nodes or ()) or "graph",
            f"Polygraphy's linter ({entry.source}): {entry.message.splitlines()[0]}",
            "mend or export the node again",
        )
        for entry in entries
        if entry.level == "exception"
    ]


def _shapes(model: onnx.ModelProto, free_px: tuple[int, int]) -> list[str]:
    """Return each input with its shape as the linter takes it, free sides filled in."""
    shapes = []
    for value in Graph.of(model).inputs:
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        sides = [d or free for d, free in zip(dims, (1, 1, *free_px), strict=False)]
        shapes.append(f"{value.name}:[{','.join(map(str, sides))}]")
    return shapes
