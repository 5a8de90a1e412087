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
FREE_SIDE = 128
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


def polygraphy_lint(model: onnx.ModelProto) -> list[Finding]:
    """Return what Polygraphy's linter finds, warnings about unused parts left out."""
    with tempfile.TemporaryDirectory(prefix="tvradar-lint-") as folder:
        file, report = Path(folder) / "model.onnx", Path(folder) / "report.json"
        file.write_bytes(model.SerializeToString())
        command = [sys.executable, "-c", _RUN, "check", "lint", str(file), "-o", str(report)]
        command += ["--input-shapes", *_shapes(model)]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=SECONDS
        )
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


def _shapes(model: onnx.ModelProto) -> list[str]:
    """Return each input with its shape as the linter takes it, free sides filled in."""
    shapes = []
    for value in Graph.of(model).inputs:
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        sides = [d or (FREE_SIDE if axis > 1 else 1) for axis, d in enumerate(dims)]
        shapes.append(f"{value.name}:[{','.join(map(str, sides))}]")
    return shapes
