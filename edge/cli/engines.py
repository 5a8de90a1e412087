"""`tvradar engines …`."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Callable


class ColourOrder(str, Enum):
    """What a network takes."""

    BGR = "bgr"
    RGB = "rgb"


class Alignment(str, Enum):
    """How faces are warped for a network."""

    ARCFACE_112 = "arcface112"


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
    from engines.catalog import fetched_models  # noqa: PLC0415
    from engines.fetch import fetch  # noqa: PLC0415
    from engines.ort_cache import prepared  # noqa: PLC0415

    for name in names or fetched_models():
        for precision, make in {"fp32": fetch, "int8": install_shipped}.items():
            started = time.monotonic()
            path = _made(name, make, needed=bool(names))
            if path is None:
                continue
            typer.echo(f"{name}: {path}, {time.monotonic() - started:.1f} s")
            if prepare:
                ready = prepared(path, precision)
                typer.echo(f"{name}: {ready or 'cannot be optimised beforehand'}")


def _made(name: str, make: Callable[[str], Path | None], *, needed: bool) -> Path | None:
    """Return a model's file; None where there is none and names come without it too."""
    from engines.catalog import find_model  # noqa: PLC0415
    from engines.errors import ModelMissingError  # noqa: PLC0415

    try:
        return make(name)
    except ModelMissingError as error:
        if needed or not find_model(name).optional:
            raise
        typer.echo(f"{error}; names come without it too", err=True)
        return None


@app.command("add")
def add_engine(
    file: Annotated[Path, typer.Argument(help="An ONNX file of an embedder.")],
    licence: Annotated[str, typer.Option(help="Of the weights: you answer for it.")],
    colours: Annotated[
        ColourOrder, typer.Option("--input", help="The colour order that it takes.")
    ],
    name: Annotated[
        str | None, typer.Option(help="What --embedder will call it; by default the file's name.")
    ] = None,
    alignment: Annotated[
        Alignment, typer.Option(help="How faces are warped for it.")
    ] = Alignment.ARCFACE_112,
    homepage: Annotated[str, typer.Option(help="Where it is from.")] = "",
    mean: Annotated[float, typer.Option(help="It takes (value - mean) / std ...")] = 127.5,
    std: Annotated[float, typer.Option(help="... of the values 0 to 255.")] = 127.5,
    json: JsonOption = False,
) -> None:
    """Add an embedder of your own, checked in a process with limits and held by its sha256.

    It must take aligned faces (N, 3, 112, 112) and give one embedding each. Then learn what its
    cosines mean with "tvradar calibrate embedder"; galleries are made for it alone.

    Example: tvradar engines add auraface.onnx --input rgb --licence Apache-2.0
    """
    from edge.cli.console import print_json  # noqa: PLC0415
    from edge.json_output import EngineAdded  # noqa: PLC0415
    from engines.own.add import add_embedder  # noqa: PLC0415

    assert alignment is Alignment.ARCFACE_112
    called = name or file.stem.lower().replace("-", "_")
    model = add_embedder(
        file,
        called,
        colour_order=colours.value,
        licence=licence,
        homepage=homepage,
        mean=mean,
        std=std,
    )
    identity = f"{called}-{model.version}"
    if json:
        print_json(EngineAdded(called, identity, model.fp32_sha256))
        return
    typer.echo(f"{called}: added as {identity}, {model.dimension} numbers a face")
    typer.echo(f"next: tvradar calibrate embedder --model {called} --images PEOPLE")


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
    random pictures. Needs polygraphy and onnx-graphsurgeon.
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


@app.command("deepstream")
def export_deepstream(
    folder: Annotated[Path, typer.Argument(help="Gets models, configurations and sources.")],
    json: JsonOption = False,
) -> None:
    """Write our pair of models for NVIDIA DeepStream; not run on hardware.

    The folder has configurations for nvinfer and nvdspreprocess, what parses YuNet and aligns
    faces, a Makefile and a pipeline; see docs/players.md.

    Example: tvradar engines deepstream ds
    """
    from edge.cli.console import out, print_json  # noqa: PLC0415
    from edge.json_output import DeepStreamWritten  # noqa: PLC0415
    from engines.deepstream.export import export  # noqa: PLC0415

    files = export(folder)
    if json:
        print_json(DeepStreamWritten(str(folder), list(files)))
        return
    out.print(f'{folder}: {", ".join(files)}; there, "make", then ./deepstream.sh FILM.mp4')
