"""`tvradar calibrate …`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.console import err, out, print_json, progress_bar
from edge.cli.options import FpirOption, JsonOption
from edge.config import DEFAULT_FPIR
from edge.errors import UsageError
from engines.catalog import default_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from calibration.pictures.faces import Picture
    from engines.int8_files import Verdict

app = typer.Typer(no_args_is_help=True, help="Make INT8 models and prove that names stay the same.")

ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model of the catalog.")]
ImagesOption = Annotated[
    list[Path],
    typer.Option(
        "--images",
        "-i",
        help="Folder of pictures, best one sub-folder per person; may be given again.",
    ),
]
DEFAULT_MODEL = default_name("embedder")
GALLERIES = (12, 100, 1000, 10_000, 100_000, 1_000_000)


@app.command("int8")
def int8(
    images: ImagesOption,
    model: ModelOption = DEFAULT_MODEL,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Pictures for the gate only; of other people than --images."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="mse, minmax, percentile or entropy: how ranges become scales."),
    ] = None,
    strength: Annotated[
        float | None, typer.Option(min=0, max=1, help="How far channels are evened out, 0 to 1.")
    ] = None,
    stem: Annotated[
        int | None, typer.Option(min=0, help="Keep this many of the first layers in float.")
    ] = None,
    limit: Annotated[int, typer.Option(min=16, help="Use at most this many pictures.")] = 256,
    mixed: Annotated[
        int, typer.Option(min=0, help="Keep this many more layers in float, the worst ones.")
    ] = 0,
    missing: Annotated[
        bool, typer.Option("--missing", help="Do nothing where there is an INT8 file already.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Calibrate a model to INT8 and run the parity gate.

    Without --test every third person of --images calibrates and the others test, so that nobody is
    in both. The file is used from then on if the gate let it pass: `tvradar engines list` says so.
    Method, strength and stem have defaults by the model's task. A run that was stopped goes
    on where it was.

    tvradar calibrate int8 --model sface --images ~/pictures-of-people
    """
    from calibration.gate.gate import run_gate  # noqa: PLC0415
    from calibration.quantise.int8 import DEFAULTS, calibrate  # noqa: PLC0415
    from engines.catalog import find_model, model_identity  # noqa: PLC0415
    from engines.int8_files import current_int8, make_current, read_verdict  # noqa: PLC0415

    here = current_int8(model) if missing else None
    if here is not None:
        verdict = read_verdict(here)
        err.print(f"{here.name}: here already", markup=False)
        raise typer.Exit(0 if verdict is not None and verdict.passed else 3)
    ours, others = _split(images, test or [])
    chosen = {"method": method, "strength": strength, "stem": stem}
    given: dict[str, Any] = {k: v for k, v in chosen.items() if v is not None}
    task = find_model(model).task
    if task not in DEFAULTS:
        raise UsageError(f"{model}: a {task}, expected a model of {' or '.join(DEFAULTS)}")
    if strength is not None:
        given.setdefault("method", "mse" if task == "embedder" else DEFAULTS[task].method)
    options = replace(DEFAULTS[task], limit=limit, mixed=mixed, **given)
    with _shown() as progress:
        path = calibrate(model, ours, options, progress)
        verdict = run_gate(model, path, others, progress)
        make_current(model_identity(model), path)
    _print_verdict(path, verdict, json=json)
    raise typer.Exit(0 if verdict.passed else 3)


@app.command("threshold")
def threshold(
    images: ImagesOption,
    fpir: FpirOption = DEFAULT_FPIR,
    people: Annotated[
        list[int] | None, typer.Option(min=1, help="Size of a gallery; may be given again.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what the shipped thresholds promise for people like these, and what would fit them.

    Some pictures of each person are enrolled, the others are compared with everybody. Where the
    rate for these people is higher than promised, ask `run` and `identify` for a lower --fpir.

    tvradar calibrate threshold --images ~/pictures-of-people --people 1000
    """
    from rich.table import Table  # noqa: PLC0415

    from calibration.openset.fpir_check import compare, learn, promises  # noqa: PLC0415
    from calibration.pictures.faces import find_pictures  # noqa: PLC0415
    from edge.json_output import PromisesChecked, Spread  # noqa: PLC0415
    from engines.pipeline import load_pipeline  # noqa: PLC0415

    pictures = [p for folder in images for p in find_pictures(folder)]
    pipeline = load_pipeline(threads=2)
    with _shown() as progress:
        looked = progress.stage("pictures", len(pictures))
        pairs, compared = compare(pipeline, pictures, looked)
    rows = promises(pairs, people or GALLERIES, fpir, pipeline.scores)
    fitted, shipped = learn(pairs), pipeline.scores.impostors
    if json:
        print_json(
            PromisesChecked(
                people=len(compared),
                searches=len(pairs.person),
                pairs=len(pairs.impostors),
                promised=fpir,
                impostors=Spread(fitted.mean, fitted.sd),
                shipped=Spread(shipped.mean, shipped.sd),
                galleries=list(rows),
            )
        )
        return
    table = Table("people", "threshold", "strangers named", "counted", "would fit", "known named")
    for row in rows:
        table.add_row(
            f"{row.gallery:,}",
            f"{row.threshold:.3f}",
            f"{row.fpir:.2%} ({row.low:.2%} to {row.high:.2%})",
            "" if row.counted is None else f"{row.counted:.2%}",
            f"{row.fitting:.3f}",
            f"{row.tpir:.1%}",
        )
    out.print(table)
    out.print(
        f"{len(compared)} people, {len(pairs.person)} searches, {len(pairs.impostors):,} pairs of "
        f"different people: cosine {fitted.mean:.3f}, deviation {fitted.sd:.3f} (shipped "
        f"{shipped.mean:.3f}, {shipped.sd:.3f}). Promised: {fpir:.1%} of strangers. Counted: where "
        "there are enough pairs. Known: pictures of these people, one by one.",
        markup=False,
    )


@app.command("embedder")
def embedder(
    images: ImagesOption,
    model: ModelOption = DEFAULT_MODEL,
    json: JsonOption = False,
) -> None:
    """Learn what an embedder's cosines mean from pictures of a population, and prove it.

    One half of the people teaches, the other shows whether the promised rates of false names hold;
    what was learned is used from then on, also where it is worse than promised: read the table.
    It takes 100 people at least, some with two pictures or more, and is worth what they are like:
    thousands, and people like those whom you will name. Galleries stay as they are.

    tvradar calibrate embedder --model mine --images ~/population
    """
    from rich.table import Table  # noqa: PLC0415

    from calibration.openset.embedder import calibrate_embedder  # noqa: PLC0415
    from calibration.pictures.faces import find_pictures  # noqa: PLC0415

    pictures = [p for folder in images for p in find_pictures(folder)]
    with _shown() as progress:
        found = calibrate_embedder(model, pictures, progress.stage("pictures", len(pictures)))
    if json:
        print_json(found)
        return
    table = Table("", "gallery", "promised", "strangers named", "95 %", "named rightly")
    for row in found.rows:
        share, low, high = row.named
        rates = f"{row.promised:.1%}", f"{share:.2%}", f"{low:.2%} to {high:.2%}"
        table.add_row(row.kind, f"{row.gallery:,}", *rates, f"{row.right[0]:.1%}")
    out.print(table)
    out.print(
        f"{found.model}: learned from {found.taught} people, shown with {found.showed} others; "
        f"{found.file}",
        markup=False,
    )


@app.command("report")
def report(
    model: ModelOption = DEFAULT_MODEL,
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", "-i", help="Measure again with these; else the last verdict."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show how an INT8 model compares with FP32: cosine, rank-1, TPIR, or AP and landmarks.

    With --images the gate is run again, without the people that were calibrated with. Ends with
    exit code 3 if the model did not pass.
    """
    from calibration.errors import CalibrationError  # noqa: PLC0415
    from calibration.gate.gate import run_gate  # noqa: PLC0415
    from calibration.pictures.faces import find_pictures  # noqa: PLC0415
    from calibration.quantise.int8 import read_record  # noqa: PLC0415
    from engines.int8_files import read_verdict, require_int8  # noqa: PLC0415

    path = require_int8(model)
    if images:
        known = set(read_record(path).pictures)
        pictures = [p for folder in images for p in find_pictures(folder)]
        seen = {p.person for p in pictures if p.sha256 in known and p.person}
        fresh = [p for p in pictures if p.sha256 not in known and p.person not in seen]
        with _shown() as progress:
            verdict: Verdict | None = run_gate(model, path, fresh, progress)
    else:
        verdict = read_verdict(path)
    if verdict is None:
        raise CalibrationError(
            f"{path.name}: the gate never ran for these bytes; give --images with pictures of "
            "people who were not calibrated with"
        )
    _print_verdict(path, verdict, json=json)
    raise typer.Exit(0 if verdict.passed else 3)


def _split(images: list[Path], test: list[Path]) -> tuple[list[Picture], list[Picture]]:
    """Return the pictures to calibrate with and those to test with, never of the same person."""
    from calibration.pictures.faces import calibration_people, find_pictures  # noqa: PLC0415

    pictures = [p for folder in images for p in find_pictures(folder)]
    if test:
        ours = {p.sha256 for p in pictures}
        others = [p for folder in test for p in find_pictures(folder)]
        return pictures, [p for p in others if p.sha256 not in ours]
    chosen = calibration_people({p.person or p.sha256 for p in pictures})
    return (
        [p for p in pictures if (p.person or p.sha256) in chosen],
        [p for p in pictures if (p.person or p.sha256) not in chosen],
    )


class _Bars:
    def __init__(self, progress: Any) -> None:
        self._progress = progress

    def stage(self, name: str, total: int) -> Callable[[], None]:
        task = self._progress.add_task(name, total=total)
        return lambda: self._progress.advance(task)


@contextmanager
def _shown() -> Iterator[_Bars]:
    with progress_bar("steps") as progress:
        yield _Bars(progress)


def _print_verdict(path: Path, verdict: Verdict, *, json: bool) -> None:
    from rich.table import Table  # noqa: PLC0415

    megabytes = path.stat().st_size / 1e6
    if json:
        print_json(
            {
                "file": str(path),
                "file_mb": round(megabytes, 4),
                **verdict.figures,
                "failures": verdict.failures,
                "passed": verdict.passed,
            }
        )
        return
    table = Table("figure", "value", title=f"{path.name}, {megabytes:.2f} MB")
    for key, value in verdict.figures.items():
        table.add_row(key, _told(value))
    out.print(table)
    for failure in verdict.failures:
        err.print(f"failed: {failure}", markup=False)
    out.print("passed: INT8 may be used" if verdict.passed else "failed: FP32 stays in use")


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{k} ({_told(v)})" if isinstance(v, dict) else f"{k} {_told(v)}"
            for k, v in value.items()
        )
    return f"{value:.4f}" if isinstance(value, float) else str(value)
