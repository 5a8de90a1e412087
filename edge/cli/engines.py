"""`tvradar engines …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import JsonOption

app = typer.Typer(no_args_is_help=True, help="The models: list, fetch, check, build, measure.")


@app.command("list")
def list_engines(json: JsonOption = False) -> None:
    """List the models, their licences, the files that are here, and what the parity gate said."""
    from edge.cli.engines_list import list_models  # noqa: PLC0415

    list_models(json=json)


@app.command("fetch")
def fetch_engines(
    names: Annotated[
        list[str] | None,
        typer.Argument(help='Models, see "tvradar engines list"; without any, what a device runs.'),
    ] = None,
    *,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Optimise them for this machine too, else the first start."),
    ] = False,
) -> None:
    """Download and verify the models, make FP32 and INT8 ONNX files; works offline afterwards.

    The INT8 file of a model is made of a text that comes with tvradar, with the parity gate's
    verdict about exactly these bytes.
    """
    from calibration.quantise.shipped import install_shipped  # noqa: PLC0415
    from engines.catalog import default_models  # noqa: PLC0415
    from engines.fetch import fetch  # noqa: PLC0415
    from engines.ort_cache import prepared  # noqa: PLC0415

    for name in names or default_models():
        made = {"fp32": fetch(name), "int8": install_shipped(name)}
        for precision, path in made.items():
            if path is None:
                continue
            typer.echo(f"{name}: {path}")
            if prepare:
                ready = prepared(path, precision)
                typer.echo(f"{name}: {ready or 'cannot be optimised beforehand'}")


@app.command("check")
def check_engines(
    files: Annotated[
        list[Path] | None, typer.Argument(help="ONNX files; without any, all models in use.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check that ONNX graphs have the form that TensorRT takes; ends with 2 if one has not.

    Looks at quantization (signed int8, zero point 0, scales per output channel, float bias, nothing
    between a convolution and its activation), opset, batch axis and operators.
    """
    from edge.cli.engines_list import check_files  # noqa: PLC0415

    raise typer.Exit(check_files(files or [], json=json))


@app.command("compare-layers")
def compare_engine_layers(
    first: Annotated[Path, typer.Argument(metavar="A", help="An ONNX file, the reference.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another form of it, e.g. INT8.")],
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="Correlation that a layer may lose.")
    ] = 0.1,
    json: JsonOption = False,
) -> None:
    """Name the first layer in which two forms of a network drift apart; ends with 2 if one does.

    NVIDIA's Polygraphy runs both in ONNX Runtime and compares what every layer gives on smooth
    random pictures. Needs "pip install 'tvradar[tensorrt]'".
    """
    from edge.cli.engines_list import show_layers  # noqa: PLC0415

    raise typer.Exit(show_layers(first, second, tolerance, json=json))


@app.command("bench")
def bench_engines(
    trials: Annotated[int, typer.Option(min=3, help="Runs of each measurement.")] = 15,
    json: JsonOption = False,
) -> None:
    """Time every model in FP32 and INT8, by batch and number of threads."""
    from edge.cli.engines_list import bench  # noqa: PLC0415

    bench(trials=trials, json=json)


@app.command("compare")
def compare_engines(
    images: Annotated[
        Path, typer.Option(help="One folder per person with pictures, at least six people.")
    ],
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="DETECTOR+EMBEDDER", help="By default all pairs of the catalog."),
    ] = None,
    pictures: Annotated[
        int, typer.Option(help="At most this many pictures of each person.", min=4)
    ] = 20,
    json: JsonOption = False,
) -> None:
    """Compare models on your own people: size, speed, names found, licence.

    Of every three people two are enrolled with three pictures each; their other pictures and all
    of the third are searched with. The table is of one run, the models of a picture in turn.

    Example: tvradar engines compare --images people
    """
    from edge.cli.engines_compare import compare  # noqa: PLC0415

    compare(images, pairs or [], pictures, json=json)
