"""What other programs call: no progress bar, no signal handler, usable from any thread.

    from edge import identify, open_gallery

    for person in identify("film.mp4", "mine").people:
        print(person.name, person.first_s)

Errors are those of the packages: `edge.errors.EdgeError`, `engines.errors.EngineError`,
`gallery.errors.GalleryError`.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.config import DEFAULT_FPIR
from edge.offline.reading import read_with_cues
from edge.offline.recogniser import offline_options
from edge.offline.summary import Identification, IdentifiedFace, Summary
from edge.offline.threads import THREADS, threads_of
from edge.recognise.cues.cue import CueBoard
from edge.recognise.cues.wanted import with_subtitles
from edge.recognise.thresholds import policy_for
from edge.timeline.build import build_timeline
from edge.timeline.timeline import Timeline  # noqa: TC001, edge hands it on
from edge.video.open import open_source
from edge.video.source import DEFAULT_OPTIONS
from engines.pipeline import load_pipeline
from gallery.search import open as opening
from gallery.search.search import Gallery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge.recognise.cues.cue import CueKind
    from edge.video.frame import Picture
    from engines.pipeline import FacePipeline
    from gallery.store.release import Release


def open_models(*, threads: int = THREADS, embedder: str = "") -> FacePipeline:
    """Load the detector and the embedder; close the result to free their memory.

    Args:
        threads: for one run of a model; for films one, since a film is read by two threads that run
            a model each.
        embedder: its name in the catalog; a gallery belongs to the one that made it.

    Raises:
        ModelMissingError: a model is not in the cache and cannot be fetched.
    """
    return load_pipeline(threads=threads, backend="auto", embedder=embedder)


def open_gallery(folder: str | Path) -> Gallery:
    """Open the current release of a gallery that `enrol` or `tvradar gallery enrol` made.

    Raises:
        GalleryMissingError: there is none.
        GalleryCorruptError: a file is damaged; the message names it.
    """
    return opening.open_gallery(Path(folder))


def enrol(people: str | Path, gallery: str | Path) -> Release:
    """Make a gallery, or its next release, from a folder with one folder of pictures per person.

    Raises:
        GalleryInputError: the folder holds nobody, or a person without a usable picture.
    """
    from gallery.enrol.folder import enrol_folder  # noqa: PLC0415

    return enrol_folder(Path(people), Path(gallery))


def identify(
    source: str | Path,
    gallery: str | Path | Gallery,
    *,
    models: FacePipeline | None = None,
    cast: Iterable[str] = (),
    fpir: float = DEFAULT_FPIR,
    lang: str = "en",
    seconds: float | None = None,
    every_frame: bool = False,
    cues: Iterable[CueKind] = ("title",),
    stop: Callable[[], bool] = lambda: False,
    on_picture: Callable[[Picture], None] = lambda _: None,
) -> Identification:
    """Say who is in a picture, a folder of pictures or a film, from start to end.

    Args:
        source: a path or an address, see `open_source`.
        gallery: its folder, or an opened one.
        models: loaded models, to use them for many sources; they stay open.
        cast: ids of the title's cast, favoured over everybody else.
        fpir: promised share of strangers who get a wrong name.
        lang: language of the names.
        seconds: stop after this many seconds of the film.
        every_frame: a film is searched frame by frame, which costs several times as much.
        cues: what counts beside the face: `title`, `text`, `voice`, `body`; none for faces alone.
        stop: asked after each frame; true ends early, with all that was seen decided.
        on_picture: called with each one, in the thread of the caller.

    Raises:
        SourceError: the source cannot be read; the message says why.
        ModelMismatchError: the gallery was made for another embedder.
    """
    threads = threads_of(str(source), every_frame=every_frame)
    own = nullcontext(models) if models is not None else closing(open_models(threads=threads))
    with own as pipeline:
        known = (
            gallery
            if isinstance(gallery, Gallery)
            else opening.open_gallery(Path(gallery), pipeline.model)
        )
        board = CueBoard(frozenset(cues))
        options = offline_options(fpir, frozenset(cast), board.kinds)
        faces: list[IdentifiedFace] = []
        summary = Summary(known, lang, on_face=faces.append)
        uri = str(source)
        with open_source(uri, options=with_subtitles(DEFAULT_OPTIONS, board)) as opened:
            read_with_cues(
                uri,
                opened,
                pipeline,
                known,
                options,
                summary,
                board,
                seconds=seconds,
                stop=stop,
                every_frame=every_frame,
                on_picture=on_picture,
                folder=None if isinstance(gallery, Gallery) else Path(gallery),
            )
            warnings = opened.stats.warnings
        threshold = policy_for(known, fpir).threshold
        found = summary.result(
            uri,
            threshold=threshold,
            complete=not stop(),
            warnings=warnings,
            faces=tuple(faces),
        )
        return msgspec.structs.replace(found, engines=pipeline.kinds, engines_why=pipeline.why)


def timeline_of(found: Identification) -> Timeline:
    """Return who appears when, of a film that was identified."""
    return build_timeline(found.faces, source=found.source, duration_s=found.duration_s)
