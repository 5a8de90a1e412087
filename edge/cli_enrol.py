"""`tvradar gallery enrol` and `tvradar gallery search`: the gallery commands that load models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Galleries: who can be named.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]


@app.command()
def enrol(
    people_dir: Annotated[
        Path,
        typer.Argument(help="One folder per person, named by id, with pictures in it."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the gallery.")],
    json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write what became of each picture, as JSON.")
    ] = None,
) -> None:
    """Make a gallery from folders of pictures.

    Each picture gives its largest good face. Pictures without one, duplicates and pictures that
    look like somebody else are reported. `person.toml` beside the pictures may give name, role,
    biography and works, each in several languages.

    Example: tvradar gallery enrol people -o mine
    """
    from edge.run_gallery import enrol_gallery  # noqa: PLC0415

    enrol_gallery(people_dir, output, json=json, report=report)


@app.command()
def search(
    gallery: Annotated[Path, typer.Argument(help="Folder of the gallery.")],
    image: Annotated[Path, typer.Option(help="Picture; its largest face is searched.")],
    top: Annotated[int, typer.Option(help="How many people to list.", min=1, max=100)] = 5,
    json: JsonOption = False,
) -> None:
    """List the people who are most like the face in a picture, named or not.

    Example: tvradar gallery search mine --image face.jpg
    """
    from edge.run_gallery import search_gallery  # noqa: PLC0415

    search_gallery(gallery, image, top=top, json=json)
