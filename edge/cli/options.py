"""Options that several commands share, so that one name means one thing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.recognise.cues.cue import CueKind

GalleryOption = Annotated[
    Path, typer.Option("--gallery", "-g", help="Folder that `tvradar gallery enrol` wrote.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
FpirOption = Annotated[
    float, typer.Option(help="Promised share of strangers who get a wrong name, e.g. 0.003.")
]
CastOption = Annotated[
    str, typer.Option(metavar="ID,ID", help="The title's cast, favoured over everybody else.")
]
CuesOption = Annotated[
    str | None,
    typer.Option(
        metavar="KIND,KIND",
        help="What counts beside the face: none, all, or some of title,text,voice,body.",
    ),
]
PrecisionOption = Annotated[
    Literal["auto", "fp32", "int8"] | None,
    typer.Option(help="auto takes INT8 where it passed the parity gate and is faster."),
]
BackendOption = Annotated[
    Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"] | None,
    typer.Option(
        help="auto takes TensorRT engines that were built and proven here, else the CPU; "
        "tensorrt-rtx is for GeForce cards (not run on hardware yet)."
    ),
]
UnverifiedOption = Annotated[
    bool, typer.Option("--unverified", help="Run engines that did not pass the parity gate.")
]
LangOption = Annotated[str, typer.Option(help="Language of the names: en, zh, …")]
StreamOption = Annotated[
    int | None, typer.Option(help="Number of the video stream, from 0, where there are several.")
]
ProgrammeOption = Annotated[
    int | None, typer.Option(help="Number of the programme of a transport stream.")
]
EmbedderOption = Annotated[
    str, typer.Option(help="Embedder of the catalog; a gallery belongs to the one that made it.")
]
AddressOption = Annotated[
    str, typer.Option(help="Of the Ray cluster: auto, ray://HOST:10001; local starts one here.")
]
EveryOption = Annotated[
    Literal["moment", "frame"],
    typer.Option(
        help="Search a film moment by moment, or every single frame: several times the work."
    ),
]


def cue_kinds(text: str | None, default: tuple[CueKind, ...] = ("title",)) -> frozenset[CueKind]:
    """Return the kinds of cues that an option means.

    Raises:
        UsageError: there is no such kind.
    """
    from edge.recognise.cues.cue import parse_kinds  # noqa: PLC0415

    if text is None:
        return frozenset(default)
    try:
        return parse_kinds(text)
    except ValueError as error:
        raise UsageError(f"--cues: {error}") from error


def refuse_to_replace(source: str, target: Path, option: str) -> None:
    """Refuse to write over what is read, before any work is done.

    Raises:
        UsageError: they are one file, or a file of the folder that is read.
    """
    from edge.video.uri import would_replace  # noqa: PLC0415

    if would_replace(target, source):
        raise UsageError(
            f"{option} {target}: the source itself, which would be replaced; give another name"
        )
