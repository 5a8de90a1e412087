"""`tvradar library import` and `update`: a gallery out of a media library."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge.cli.console import counted, out, print_json, progress_bar, warn_of
from edge.cli.options import (
    CastOption,
    EmbedderOption,
    GalleryOption,
    JsonOption,
    refuse_to_replace,
)
from edge.errors import UsageError
from gallery.library.found import ONLINE, Library, LibraryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gallery.enrol.enrolment import Enrolment
    from gallery.enrol.leaving import Left
    from gallery.enrol.library import LibraryReport
    from gallery.enrol.people import Entry
    from gallery.library.found import Found
    from gallery.library.http import Http
    from gallery.library.people import LibraryPerson
    from gallery.library.pictures import PictureCache

app = typer.Typer(no_args_is_help=True, help="Media libraries: a gallery out of your own films.")

TOLD = 20
PAUSES_S = {"tmdb": 0.25, "wikidata": 1.0}
WorkersOption = Annotated[
    int, typer.Option(help="Processes that look at pictures; 0 is one per core.", min=0)
]
LetGoOption = Annotated[
    bool,
    typer.Option("--let-go", help="Agree that many people leave whom the library has no more."),
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
    let_go: LetGoOption = False,
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
    _bring_up_to_date(library, output, _How(json, most, workers, embedder, let_go))


@app.command()
def update(
    gallery: Annotated[Path, typer.Argument(help="Folder that `library import` wrote.")],
    json: JsonOption = False,
    most: PicturesOption = 8,
    workers: WorkersOption = 0,
    embedder: EmbedderOption = "",
    let_go: LetGoOption = False,
) -> None:
    """Bring a gallery up to date with its library.

    Who is in no film any more leaves the gallery; where many would, nothing is changed (3), since a
    disk or share may be offline: --let-go agrees.

    Example: tvradar library update mine
    """
    from gallery.enrol.library import read_state  # noqa: PLC0415

    state = read_state(gallery)
    if state is None:
        raise UsageError(f'{gallery}: not made by "tvradar library import", expected one that is')
    _bring_up_to_date(state.library, gallery, _How(json, most, workers, embedder, let_go))


@app.command()
def learn(
    film: Annotated[Path, typer.Argument(help="A film of the library, with its NFO beside it.")],
    gallery: GalleryOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")],
    json: JsonOption = False,
    cast: CastOption = "",
    embedder: EmbedderOption = "",
) -> None:
    """Offer further pictures of people: faces of a film that are surely theirs.

    Only people of the title's cast, in its NFO or --cast, are offered, and only where a face is
    far from everybody else's. The page shows them; nothing is enrolled but by `library accept`.

    Example: tvradar library learn film.mp4 --gallery mine -o faces.html
    """
    from edge.cli.identify import parse_cast  # noqa: PLC0415
    from edge.json_output import Offered  # noqa: PLC0415
    from edge.library import identify, open_gallery, open_models  # noqa: PLC0415
    from edge.offline.learn import propose  # noqa: PLC0415
    from edge.offline.threads import FILM_THREADS  # noqa: PLC0415
    from edge.timeline.proposal import Proposal, ProposedView, to_page  # noqa: PLC0415
    from edge.titles.found import title_of_file  # noqa: PLC0415
    from edge.video.open import open_source  # noqa: PLC0415
    from engines.files import write_atomically  # noqa: PLC0415
    from gallery.titles.match import NameIndex  # noqa: PLC0415

    refuse_to_replace(str(film), output, "--output")
    with closing(open_models(threads=FILM_THREADS, embedder=embedder)) as models:
        known = open_gallery(gallery)
        title = title_of_file(film)
        own = NameIndex(known.people()).cast_of(title)[0] if title else frozenset()
        ids = parse_cast(cast, known) | own
        if not ids:
            raise UsageError(
                f"{film}: nobody of the gallery is known to act in it; expected an NFO with its "
                "cast beside it, or --cast ID,ID"
            )
        found = identify(film, known, models=models, cast=ids)
        with open_source(str(film)) as source:
            views = propose(found.faces, source.pictures(), ids, models, known)
    offered = tuple(
        ProposedView(v.number, v.id, v.name, v.pts_s, v.score, v.margin, b64encode(v.png).decode())
        for v in views
    )
    write_atomically(output, to_page(Proposal(film.name, str(gallery.absolute()), offered)))
    people = sorted({v.id for v in views})
    if json:
        print_json(Offered(str(output), len(views), people))
        return
    out.print(
        f"{output}: {counted(len(views), 'face')} of {counted(len(people), 'person', 'people')} "
        f'to look at; then "tvradar library accept {output}"',
        markup=False,
    )


@app.command()
def accept(
    proposal: Annotated[Path, typer.Argument(help="Page that `library learn` wrote.")],
    json: JsonOption = False,
    gallery: Annotated[
        Path | None, typer.Option("-g", "--gallery", help="Another one than learn was told.")
    ] = None,
    without: Annotated[
        str, typer.Option(metavar="N,N", help="Numbers of faces that are not theirs, or poor.")
    ] = "",
    workers: WorkersOption = 0,
    embedder: EmbedderOption = "",
) -> None:
    """Enrol the faces of a page that you have looked at; `library update` keeps them.

    Example: tvradar library accept faces.html --without 3,7
    """
    from edge.timeline.proposal import read_proposal  # noqa: PLC0415
    from gallery.enrol.learned import keep  # noqa: PLC0415
    from gallery.enrol.library import read_state  # noqa: PLC0415

    given = read_proposal(proposal)
    into = gallery or Path(given.gallery)
    state = read_state(into)
    if state is None:
        raise UsageError(f'{into}: not made by "tvradar library import", expected one that is')
    refused = {part.strip() for part in without.split(",") if part.strip()}
    if unknown := sorted(refused - {str(view.number) for view in given.views}):
        raise UsageError(f"--without: no face has the number {', '.join(unknown)}")
    wanted = [view for view in given.views if str(view.number) not in refused]
    strangers = sorted({view.id for view in wanted} - set(state.ids.values()))
    if strangers:
        raise UsageError(f"{proposal}: {', '.join(strangers)} not of the library of {into}")
    if not wanted:
        raise UsageError(f"{proposal}: no face is left to accept")
    pictures = [(view.id, view.picture()) for view in wanted]
    for person, png in pictures:
        keep(into, person, png)
    _bring_up_to_date(state.library, into, _How(json, 8, workers, embedder, let_go=False))


@dataclass(frozen=True)
class _How:
    """The options that `import` and `update` share.

    Attributes:
        json: print the report as JSON.
        most_pictures: of one person.
        workers: processes that look at pictures; 0 is one per core.
        embedder: its name in the catalog; empty for the usual one.
        let_go: the user agrees that many people leave.
    """

    json: bool
    most_pictures: int
    workers: int
    embedder: str
    let_go: bool


def _bring_up_to_date(library: Library, gallery: Path, how: _How) -> None:
    """Make the gallery's next release hold the library as it is, and print the report.

    Raises:
        UsageError: the gallery was made in another way, or nobody has a picture.
        LibraryError: the library cannot be read, or many people would leave and nobody agreed.
    """
    from edge.json_output import LibraryImported, PicturesFetched  # noqa: PLC0415
    from gallery.enrol import library as imports  # noqa: PLC0415
    from gallery.enrol.enrolment import write_release  # noqa: PLC0415
    from gallery.enrol.leaving import leaving  # noqa: PLC0415
    from gallery.library.pictures import PictureCache  # noqa: PLC0415

    found, people, doubts, http = _read(library, gallery, how)
    folder = imports.state_folder(gallery)
    cache = PictureCache(folder / "pictures", http, lambda _: library.online)
    entries, why = _pictured(library, gallery, people, found, cache, how)
    enrolment = _enrolled(gallery, entries, how)
    enrolment.texts = imports.texts_of(people)
    staying = [report.id for report in enrolment.reports if report.enrolled]
    left = leaving(gallery, staying, found.incomplete, agreed=how.let_go)
    release = write_release(gallery, enrolment)
    enrolment.store.keep_only(enrolment.shards)
    report = imports.report_of(len(found.titles), people, why, enrolment)
    if how.json:
        print_json(
            LibraryImported(
                gallery=str(gallery),
                release=release.number,
                **msgspec.structs.asdict(report),
                left=list(left),
                left_out=[*found.left_out, *doubts],
                pictures=PicturesFetched(cache.fetched, cache.kept),
            )
        )
        return
    _print(report, left)
    out.print(
        f"{gallery}: release {release.number}, {report.enrolled} of {report.people} people of "
        f"{report.titles} titles; {len(report.one_picture)} with one picture only, "
        f"{len(report.looks_like)} to look at",
        markup=False,
    )


def _read(
    library: Library, gallery: Path, how: _How
) -> tuple[Found, tuple[LibraryPerson, ...], tuple[str, ...], Http | None]:
    """Return what the library has, its people, what is doubtful, and who fetches pictures."""
    from gallery.enrol.leaving import leaving  # noqa: PLC0415
    from gallery.enrol.library import LibraryState, read_state, write_state  # noqa: PLC0415
    from gallery.library.people import people_of  # noqa: PLC0415
    from gallery.library.read import read_library  # noqa: PLC0415

    state = read_state(gallery)
    if state is None and (gallery / "current").exists():
        raise UsageError(
            f'{gallery}: was not made by "library import", which would replace everybody in it; '
            "give another folder"
        )
    found, http = read_library(library)
    before = state.ids if state else {}
    people, doubts = people_of(found.titles, found.pictures, before)
    warn_of([*found.left_out, *doubts])
    if state and (state.library.kind, state.library.where) != (library.kind, library.where):
        other = (
            f"it has the people of {state.library.where}, and a gallery has one library: give "
            "another folder with -o, or the folder above both"
        )
        found = msgspec.structs.replace(found, incomplete=(*found.incomplete, other))
    # Before a picture is fetched: who vanished with a share needs no hour to be told.
    leaving(gallery, [p.id for p in people], found.incomplete, agreed=how.let_go)
    ids = {key: person.id for person in people for key in person.keys}
    write_state(gallery, LibraryState(library, {**before, **ids}))
    return found, people, doubts, http


def _pictured(
    library: Library,
    gallery: Path,
    people: Sequence[LibraryPerson],
    found: Found,
    cache: PictureCache,
    how: _How,
) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Return who has pictures, and why others have none."""
    from gallery.enrol.learned import learned_of  # noqa: PLC0415
    from gallery.enrol.leaving import leaving  # noqa: PLC0415
    from gallery.enrol.library import catalogue_of  # noqa: PLC0415

    with progress_bar("people") as progress:
        task = progress.add_task("pictures", total=len(people))
        entries, why = catalogue_of(
            people,
            cache,
            found.origins,
            library,
            most=how.most_pictures,
            learned=learned_of(gallery),
            on_person=lambda: progress.advance(task),
        )
    leaving(gallery, [e.person.id for e in entries], found.incomplete, agreed=how.let_go)
    if not entries:
        reasons = "; ".join(f"{i}: {reason}" for i, reason in list(why.items())[:3])
        raise UsageError(f"{library.where}: {len(people)} people, none has a picture ({reasons})")
    return entries, why


def _enrolled(gallery: Path, entries: tuple[Entry, ...], how: _How) -> Enrolment:
    from edge.cli.enrol_run import embed_with_progress  # noqa: PLC0415
    from gallery.enrol.enrolment import EnrolmentOptions  # noqa: PLC0415
    from gallery.enrol.library import state_folder  # noqa: PLC0415
    from gallery.enrol.shards import ShardStore  # noqa: PLC0415
    from gallery.enrol.source import Catalogue  # noqa: PLC0415

    store = ShardStore(state_folder(gallery) / "parts")
    options = EnrolmentOptions(workers=how.workers, embedder=how.embedder)
    return embed_with_progress(Catalogue(entries), store, options)


def _print(report: LibraryReport, left: tuple[Left, ...]) -> None:
    _list("left the library", [f"{one.name} ({one.id})" for one in left])
    _list("no usable picture", [f"{m.name} ({m.id}): {m.why}" for m in report.no_picture])
    _list("looks like somebody else", [f"{one.id}: {one.why}" for one in report.looks_like])


def _list(what: str, lines: list[str]) -> None:
    if lines:
        out.print(f"{what}, {len(lines)}:", markup=False)
    for line in lines[:TOLD]:
        out.print(f"  {line}", markup=False)
    if len(lines) > TOLD:
        out.print(f"  and {len(lines) - TOLD} more; --json lists all", markup=False)
