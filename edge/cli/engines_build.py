"""`tvradar engines build`: TensorRT engines for this device."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge.cli.console import err, out, print_json, progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from engines.tensorrt.plan_cache import PlanRecord
    from engines.tensorrt.provision import Choice


def build_engines(
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Default: yunet and sface.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="auto, int8, fp16 or fp32; auto keeps the fastest proven one.")
    ] = "auto",
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Detector input; default 640x384 and 1280x736."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of people for the parity gate, one sub-folder per person."),
    ] = None,
    workspace: Annotated[
        int, typer.Option(min=64, metavar="MIB", help="Cap of the scratch memory of a layer.")
    ] = 1024,
    level: Annotated[
        int, typer.Option(min=0, max=5, help="How many kernels the builder tries.")
    ] = 3,
    binding: Annotated[str, typer.Option(help="auto, cuda-python or pycuda.")] = "auto",
    backend: Annotated[
        Literal["tensorrt", "tensorrt-rtx"],
        typer.Option(help="tensorrt-rtx builds for a GeForce card, with plans of its own."),
    ] = "tensorrt",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Build the TensorRT engines of this device (not run on hardware yet).

    Needs an NVIDIA GPU with TensorRT 10.3 or newer. Builds INT8 (if it was calibrated) and FP16,
    measures both here, holds both against FP32 on --images, and keeps the faster that passed.
    Without --images nothing is proven, and `tvradar run` refuses the engines unless --unverified.
    Plans are kept by TensorRT version, GPU and model: a second run builds only what is missing, and
    goes on where a stopped one was. Run it while nothing else uses the GPU.

    tvradar engines build --images ~/pictures-of-people
    """
    from calibration.gate.tensorrt import (  # noqa: PLC0415
        BuildRequest,
        build_model,
    )
    from engines.catalog import default_models, find_model  # noqa: PLC0415
    from engines.tensorrt import provision  # noqa: PLC0415
    from engines.tensorrt.bindings import require_tensorrt, use_rtx  # noqa: PLC0415
    from engines.tensorrt.build import DETECTOR_SIZES_PX, BuildOptions  # noqa: PLC0415
    from engines.tensorrt.device import open_device  # noqa: PLC0415
    from engines.tensorrt.plan_cache import PlanCache  # noqa: PLC0415

    names = model or sorted(default_models(), reverse=True)
    for name in names:
        if find_model(name).task.startswith("text-"):
            raise typer.BadParameter(f"{name}: reads text, which ONNX Runtime does here")
    if precision not in ("auto", "int8", "fp16", "fp32"):
        raise typer.BadParameter(f"{precision!r}, expected auto, int8, fp16 or fp32")
    sizes = [parse_size(text) for text in size] if size else DETECTOR_SIZES_PX
    if backend == "tensorrt-rtx":
        use_rtx()
    folder = provision.plans_dir()
    options = BuildOptions(
        workspace_mib=workspace, optimization_level=level, timing_cache=folder / "timing.cache"
    )
    request = BuildRequest(names, precision, sizes, options, images)
    require_tensorrt()
    device = open_device(binding)
    cache = PlanCache(folder)
    rows: list[tuple[str, list[PlanRecord], Choice | None, str]] = []
    try:
        with cache.lock(), _shown() as progress:
            rows = [(name, *build_model(name, request, device, cache, progress)) for name in names]
    finally:
        device.close()
    _print(rows, json=json)
    if not all(choice for _, _, choice, _ in rows):
        raise typer.Exit(3 if images else 0)


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of `640x384`, both multiples of 32."""
    parts = text.lower().split("x")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        width, height = int(parts[0]), int(parts[1])
        if width % 32 == height % 32 == 0 and 32 <= width <= 4096 and 32 <= height <= 4096:
            return width, height
    raise typer.BadParameter(f"size {text!r}, expected WIDTHxHEIGHT, multiples of 32, e.g. 640x384")


class RichBuildProgress:
    """Shows the builder's phases as bars; called in the builder's threads."""

    def __init__(self, shown: RichProgress) -> None:
        self._shown = shown
        self._tasks: dict[str, TaskID] = {}

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """Add a bar, indented below its parent."""
        indent = "  " if parent in self._tasks else ""
        self._tasks[phase] = self._shown.add_task(f"{indent}{phase}", total=steps)

    def step(self, phase: str, done: int) -> bool:
        """Move a bar; the build always goes on."""
        if phase in self._tasks:
            self._shown.update(self._tasks[phase], completed=done)
        return True

    def finish(self, phase: str) -> None:
        """Remove a bar."""
        if phase in self._tasks:
            self._shown.remove_task(self._tasks.pop(phase))


@contextmanager
def _shown() -> Iterator[RichBuildProgress]:
    with progress_bar("steps") as shown:
        yield RichBuildProgress(shown)


def _print(rows: list[tuple[str, list[PlanRecord], Choice | None, str]], *, json: bool) -> None:
    from rich.table import Table  # noqa: PLC0415

    if json:
        from edge.json_output import PlansBuilt  # noqa: PLC0415

        plans = [record for _, records, _, _ in rows for record in records]
        print_json(PlansBuilt(plans, {name: choice for name, _, choice, _ in rows}))
        return
    table = Table("model", "precision", "MB", "ms", "gate", "in use")
    for name, records, choice, _ in rows:
        for record in records:
            times = ", ".join(f"{k}: {v:.2f}" for k, v in (record.latency_ms or {}).items())
            gate = "never ran" if record.gate is None else "passed"
            if record.gate is not None and not record.gate.passed:
                gate = f"refused: {record.gate.detail}"
            used = "yes" if choice and choice.plan == record.key.name else ""
            size = f"{record.plan_bytes / 1e6:.1f}"
            table.add_row(name, record.key.precision, size, times, gate, used)
    out.print(table)
    for name, _, choice, why in rows:
        if choice is None:
            err.print(f"{name}: no engine is in use: {why}; give --images to prove them")
