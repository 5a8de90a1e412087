"""`tvradar library import` and `update`: a gallery out of a media library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge.cli.console import out, print_json, progress_bar, warn_of
from edge.cli.options import EmbedderOption, JsonOption
from edge.errors import UsageError
from gallery.library.found import ONLINE, Library, LibraryKind

if TYPE_CHECKING:
    from gallery.enrol.library import LibraryReport

app = typer.Typer(no_args_is_help=True, help="Media libraries: a gallery out of your own films.")

TOLD = 20
PAUSES_S = {"tmdb": 0.25, "wikidata": 1.0}
WorkersOption = Annotated[
    int, typer.Option(help="Processes that look at pictures; 0 is one per core.", min=0)
]
PicturesOption = Annotated[
    int, typer.Option("--most-pictures", help="Pictures of one person.", min=1, max=100)
]


@app.command("import")
def import_library(
    where: Annotated[
        str,
        typer.Argument(
            help="The library's folder, or http://HOST:PORT of its server; for tmdb and wikidata a "
            "file with a title in each line."
        ),
    ],
    kind: Annotated[LibraryKind, typer.Option("--from", help="Whose library it is.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the gallery.")],
    json: JsonOption = False,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Its first line is the server's key; for Kodi, USER:PASSWORD."),
    ] = None,
    people_pictures: Annotated[
        Path | None, typer.Option(help="Also take pictures from Jellyfin's metadata/People.")
    ] = None,
    online: Annotated[
        bool,
        typer.Option("--online", help="Fetch pictures from the internet where files name them."),
    ] = False,
    pause: Annotated[
        float | None,
        typer.Option(
            help="Least seconds from one request to the next; 0.05, tmdb 0.25, wikidata 1.",
            min=0,
            max=60,
        ),
    ] = None,
    server: Annotated[
        str, typer.Option(help="Another address of tmdb or wikidata: a proxy of yours.")
    ] = "",
    most: PicturesOption = 8,
    workers: WorkersOption = 0,
    embedder: EmbedderOption = "",
) -> None:
    """Make a gallery of the people in a media library: names, roles, titles, pictures.

    Nothing is asked of the internet but with --online, tmdb and wikidata. The same command again,
    and `library update`, do only what is new; a run that was stopped goes on where it was.

    Example: tvradar library import --from kodi films -o mine

    Example: tvradar library import --from wikidata titles.txt -o mine

    Example: tvradar library import --from jellyfin http://nas:8096 --key-file key -o mine
    """
    library = Library(
        kind,
        where if "://" in where else str(Path(where).absolute()),
        str(key_file.absolute()) if key_file else "",
        str(people_pictures.absolute()) if people_pictures else "",
        online or kind in ONLINE,
        PAUSES_S.get(kind, 0.05) if pause is None else pause,
        server,
    )
    _run(library, output, json=json, most=most, workers=workers, embedder=embedder)


@app.command()
def update(
    gallery: Annotated[Path, typer.Argument(help="Folder that `library import` wrote.")],
    json: JsonOption = False,
    most: PicturesOption = 8,
    workers: WorkersOption = 0,
    embedder: EmbedderOption = "",
) -> None:
    """Bring a gallery up to date with its library.

    Example: tvradar library update mine
    """
    from gallery.enrol.library import read_state  # noqa: PLC0415

    state = read_state(gallery)
    if state is None:
        raise UsageError(f'{gallery}: not made by "tvradar library import", expected one that is')
    _run(state.library, gallery, json=json, most=most, workers=workers, embedder=embedder)


def _run(
    library: Library, gallery: Path, *, json: bool, most: int, workers: int, embedder: str
) -> None:
    from edge.cli.enrol_run import embed_with_progress  # noqa: PLC0415
    from gallery.enrol import library as imports  # noqa: PLC0415
    from gallery.enrol.enrolment import EnrolmentOptions, write_release  # noqa: PLC0415
    from gallery.enrol.shards import ShardStore  # noqa: PLC0415
    from gallery.enrol.source import Catalogue  # noqa: PLC0415
    from gallery.library.people import people_of  # noqa: PLC0415
    from gallery.library.pictures import PictureCache  # noqa: PLC0415
    from gallery.library.read import read_library  # noqa: PLC0415

    state = imports.read_state(gallery)
    if state is None and (gallery / "current").exists():
        raise UsageError(
            f'{gallery}: was not made by "library import", which would replace everybody in it; '
            "give another folder"
        )
    found, http = read_library(library)
    people, doubts = people_of(found.titles, found.pictures, state.ids if state else {})
    warn_of([*found.left_out, *doubts])
    ids = {key: person.id for person in people for key in person.keys}
    imports.write_state(
        gallery, imports.LibraryState(library, {**(state.ids if state else {}), **ids})
    )
    folder = imports.state_folder(gallery)
    cache = PictureCache(folder / "pictures", http, lambda _: library.online)
    with progress_bar("people") as progress:
        task = progress.add_task("pictures", total=len(people))
        entries, why = imports.catalogue_of(
            people,
            cache,
            found.origins,
            library,
            most=most,
            on_person=lambda: progress.advance(task),
        )
    if not entries:
        reasons = "; ".join(f"{i}: {reason}" for i, reason in list(why.items())[:3])
        raise UsageError(f"{library.where}: {len(people)} people, none has a picture ({reasons})")
    store = ShardStore(folder / "parts")
    options = EnrolmentOptions(workers=workers, embedder=embedder)
    enrolment = embed_with_progress(Catalogue(entries), store, options)
    enrolment.texts = imports.texts_of(people)
    release = write_release(gallery, enrolment)
    store.keep_only(enrolment.shards)
    report = imports.report_of(len(found.titles), people, why, enrolment)
    summary = {
        "gallery": str(gallery),
        "release": release.number,
        **msgspec.to_builtins(report),
        "left_out": [*found.left_out, *doubts],
        "pictures": {"fetched": cache.fetched, "kept": cache.kept},
    }
    if json:
        print_json(summary)
        return
    _print(report)
    out.print(
        f"{gallery}: release {release.number}, {report.enrolled} of {report.people} people of "
        f"{report.titles} titles; {len(report.one_picture)} with one picture only, "
        f"{len(report.looks_like)} to look at",
        markup=False,
    )


def _print(report: LibraryReport) -> None:
    _list("no usable picture", [f"{m.name} ({m.id}): {m.why}" for m in report.no_picture])
    _list("looks like somebody else", [f"{one.id}: {one.why}" for one in report.looks_like])


def _list(what: str, lines: list[str]) -> None:
    if lines:
        out.print(f"{what}, {len(lines)}:", markup=False)
    for line in lines[:TOLD]:
        out.print(f"  {line}", markup=False)
    if len(lines) > TOLD:
        out.print(f"  and {len(lines) - TOLD} more; --json lists all", markup=False)
