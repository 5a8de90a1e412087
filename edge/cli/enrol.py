"""`tvradar gallery enrol` and `tvradar gallery search`: the gallery commands that load models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from edge.cli.options import AddressOption, EmbedderOption, JsonOption

app = typer.Typer(no_args_is_help=True, help="Galleries: who can be named.")

Engine = Literal["local", "ray"]


@app.command()
def enrol(
    people: Annotated[
        str,
        typer.Argument(
            metavar="PEOPLE",
            help="One folder per person with pictures in it; its URL (s3://…, "
            "gs://…); or a table of pictures (.csv, .parquet).",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the gallery.")],
    json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write what became of each picture, as JSON.")
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="Processes of this machine, or a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int, typer.Option(help="How many at once; 0 is one per core.", min=0, max=10_000)
    ] = 0,
    address: AddressOption = "local",
    work: Annotated[
        Path | None,
        typer.Option(help="Folder of the parts that are done; by default beside the gallery."),
    ] = None,
    part_pictures: Annotated[
        int, typer.Option(help="Pictures in one part: what a kill can cost.", min=1)
    ] = 64,
    embedder: EmbedderOption = "",
) -> None:
    """Make a gallery from pictures of people.

    Each picture gives one good face: of several the one that agrees with the person's other
    pictures. Pictures without one, duplicates, pictures that look like somebody else, people who
    look like one another and files that are not read are reported. `person.toml` beside the
    pictures may give name, role, biography and works, each in several languages.

    Large catalogues are embedded in parts. Whatever stops the command, the same command goes on
    from the parts that are done; when the gallery is written, they are removed.

    Example: tvradar gallery enrol people -o mine
    """
    from edge.cli.enrol_run import enrol_gallery  # noqa: PLC0415
    from gallery.enrol.enrolment import EnrolmentOptions  # noqa: PLC0415

    options = EnrolmentOptions(engine, workers, address, part_pictures, embedder)
    enrol_gallery(people, output, options, json=json, report=report, work=work)


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
    from edge.cli.enrol_run import search_gallery  # noqa: PLC0415

    search_gallery(gallery, image, top=top, json=json)
