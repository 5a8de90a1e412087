"""The command `engines compare-layers`: where does an INT8 file leave its FP32 reference?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from edge.cli.console import err, out, print_json
from edge.cli.engines_list import read_onnx
from engines.onnx_models.compare_layers import compare_layers, smooth_pictures

if TYPE_CHECKING:
    from pathlib import Path


def show_layers(first: Path, second: Path, tolerance: float, *, json: bool) -> int:
    """Print each layer's drift; return the exit code: 2 if one drifts."""
    one, other = read_onnx(first), read_onnx(second)
    layers = compare_layers(one, other, smooth_pictures(one), tolerance)
    drifted = next((layer for layer in layers if layer.drifted), None)
    if json:
        rows = [asdict(layer) for layer in layers]
        print_json({"layers": rows, "first_drifted": drifted.tensor if drifted else None})
    else:
        table = Table("layer", "operator", "drift", title=f"{first.name} and {second.name}")
        for layer in layers:
            table.add_row(layer.tensor, layer.operator, f"{layer.drift:.4f}{' !' * layer.drifted}")
        out.print(table)
        if drifted is None:
            out.print(f"no layer loses more than {tolerance:g} of its correlation")
        else:
            err.print(
                f"{second.name}: {drifted.operator} {drifted.tensor} is the first layer that "
                f"drifts: it loses {drifted.drift:.3f} of its correlation with {first.name}, "
                f"expected at most {tolerance:g}; make the file anew",
                markup=False,
                soft_wrap=True,
            )
    return 0 if drifted is None else 2
