"""`tvradar gallery …`: what is in a gallery, whether it is whole, and changes to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import JsonOption

app = typer.Typer(no_args_is_help=True)

GalleryArgument = Annotated[Path, typer.Argument(help="Folder of the gallery.")]
PeopleArgument = Annotated[
    str,
    typer.Argument(
        metavar="PEOPLE",
        help="One folder per person, with pictures in it; its URL; or a table of "
        "pictures (.csv, .parquet).",
    ),
]


@app.command()
def inspect(
    gallery: GalleryArgument,
    html: Annotated[
        Path | None, typer.Option(help="Also write a page with everybody's photo and name.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many people to list.", min=0)] = 20,
    lang: Annotated[str, typer.Option(help="Language of the names: en, zh, …")] = "en",
    json: JsonOption = False,
) -> None:
    """Show what a gallery holds: release, model, segments, sizes, people.

    Example: tvradar gallery inspect mine --html mine.html
    """
    from edge.cli.gallery_inspect import inspect_gallery  # noqa: PLC0415

    inspect_gallery(gallery, html=html, top=top, lang=lang, json=json)


@app.command()
def verify(gallery: GalleryArgument, json: JsonOption = False) -> None:
    """Check every file by its sha256 and every person's record; exit code 2 if any is damaged.

    A service checks sizes and CRCs whenever it opens a gallery; this checks all there is, also the
    release that is kept to fall back on.

    Example: tvradar gallery verify mine
    """
    from edge.cli.gallery_inspect import verify_gallery  # noqa: PLC0415

    verify_gallery(gallery, json=json)


@app.command()
def audit(
    gallery: GalleryArgument,
    at_most: Annotated[
        int, typer.Option(help="Look at this many people, drawn at random from more.", min=1)
    ] = 10_000,
    top: Annotated[int, typer.Option(help="How many of each kind to list.", min=1)] = 20,
    json: JsonOption = False,
) -> None:
    """List people who look alike, people whose templates disagree, and likely wrong labels.

    It needs no pictures and no model: all is read off the stored templates.

    Example: tvradar gallery audit mine
    """
    from edge.cli.gallery_inspect import audit_gallery  # noqa: PLC0415

    audit_gallery(gallery, at_most=at_most, top=top, json=json)


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="Folder of a gallery.")],
    b: Annotated[Path, typer.Argument(help="Folder of another one, or of a later copy.")],
    json: JsonOption = False,
) -> None:
    """Show who was added, removed or changed from one gallery to another.

    Example: tvradar gallery diff yesterday today
    """
    from edge.cli.gallery_inspect import diff_galleries  # noqa: PLC0415

    diff_galleries(a, b, json=json)


@app.command()
def export(
    gallery: GalleryArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder.")],
    json: JsonOption = False,
) -> None:
    """Write a folder per person again: texts, photo, templates.

    The pictures themselves are not in a gallery and do not come back.

    Example: tvradar gallery export mine -o people-again
    """
    from edge.cli.gallery_inspect import export_gallery  # noqa: PLC0415

    export_gallery(gallery, output, json=json)


@app.command()
def add(gallery: GalleryArgument, people: PeopleArgument, json: JsonOption = False) -> None:
    """Add people whom the gallery does not have, without touching the others.

    Example: tvradar gallery add mine new-people
    """
    from edge.cli.gallery_update import change_gallery  # noqa: PLC0415

    change_gallery(gallery, people, replace=False, json=json)


@app.command()
def update(gallery: GalleryArgument, people: PeopleArgument, json: JsonOption = False) -> None:
    """Enrol people again who are in the gallery already: new pictures, new texts.

    Example: tvradar gallery update mine better-pictures
    """
    from edge.cli.gallery_update import change_gallery  # noqa: PLC0415

    change_gallery(gallery, people, replace=True, json=json)


@app.command()
def remove(
    gallery: GalleryArgument,
    ids: Annotated[list[str], typer.Argument(help="Ids of the people.")],
    erase: Annotated[
        bool, typer.Option(help="Also erase them from all files now, not at the next merge.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Remove people: they are not found from now on.

    Example: tvradar gallery remove mine jane_doe --erase
    """
    from edge.cli.gallery_update import remove_people  # noqa: PLC0415

    remove_people(gallery, ids, erase=erase, json=json)


@app.command()
def voice(
    gallery: GalleryArgument,
    person: Annotated[str, typer.Argument(help="Id of the person, who is in the gallery.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings or films in which only this person speaks."),
    ] = None,
    from_s: Annotated[float, typer.Option("--from", help="Hear from this second on.", min=0)] = 0.0,
    to_s: Annotated[float | None, typer.Option("--to", help="And up to this one.", min=0)] = None,
    seen: Annotated[
        bool,
        typer.Option("--seen", help="Hear films only while the person is seen to speak, alone."),
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Erase this person's voice.")] = False,
    json: JsonOption = False,
) -> None:
    """Keep a person's voice beside a gallery, on this machine alone, for `--cues voice`.

    A voiceprint is biometric data; ask the person first.

    Example: tvradar gallery voice mine jane_doe jane.wav
    """
    from edge.cli.gallery_update import change_voice  # noqa: PLC0415

    part_s = from_s, to_s
    change_voice(gallery, person, files or [], part_s, remove=remove, json=json, seen=seen)


@app.command()
def compact(gallery: GalleryArgument, json: JsonOption = False) -> None:
    """Merge all segments into one and erase those removed from all files.

    Example: tvradar gallery compact mine
    """
    from edge.cli.gallery_update import compact_gallery  # noqa: PLC0415

    compact_gallery(gallery, json=json)
