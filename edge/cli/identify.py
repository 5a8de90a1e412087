"""The command `identify`: sources and galleries opened, progress shown."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge.cli.console import err, graceful_stop, progress_bar
from edge.cli.identify_output import annotate_source
from edge.cli.options import cue_kinds, refuse_to_replace
from edge.config import DEFAULT_FPIR
from edge.device import malloc
from edge.errors import UsageError
from edge.offline.reading import read_with_cues
from edge.offline.recogniser import offline_options
from edge.offline.scene_file import SceneFile
from edge.offline.summary import (
    Identification,
    IdentifiedFace,
    IdentifiedPicture,
    Summary,
)
from edge.offline.threads import threads_of
from edge.recognise.cues.cue import CueBoard
from edge.recognise.cues.wanted import with_subtitles
from edge.recognise.recogniser import RecogniserOptions
from edge.recognise.thresholds import policy_for
from edge.timeline.sidecar import SidecarBuilder, sidecar_path
from edge.video.open import open_source
from edge.video.source import DEFAULT_OPTIONS, SourceOptions
from edge.video.sources.pipe import is_pipe
from edge.video.sources.still import StillSource
from edge.video.uri import path_of, without_password
from engines.files import write_atomically
from engines.pictures.formats import is_picture_name
from engines.pipeline import load_pipeline
from gallery.errors import GalleryInputError
from gallery.search.open import open_gallery

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.scene import Scene
    from engines.choose import Backend, Precision
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery


@dataclass(frozen=True, slots=True)
class Naming:
    """How people are named, as the options say; see `edge.cli.options`."""

    cast: str = ""
    fpir: float = DEFAULT_FPIR
    lang: str = "en"
    cues: str | None = None
    embedder: str = ""
    every_frame: bool = False

    def options(self, gallery: Gallery) -> RecogniserOptions:
        """Return what the recogniser is told.

        Raises:
            GalleryInputError: somebody of the cast is not in the gallery.
        """
        return offline_options(self.fpir, parse_cast(self.cast, gallery), cue_kinds(self.cues))

    def board(self) -> CueBoard:
        """Return where cues are put.

        Raises:
            UsageError: there is no such kind of cue.
        """
        return CueBoard(cue_kinds(self.cues))


def parse_cast(cast: str, gallery: Gallery) -> frozenset[str]:
    """Return the ids of `--cast`, all of which the gallery must know.

    Raises:
        GalleryInputError: an id is not in the gallery.
    """
    wanted = frozenset(part.strip() for part in cast.split(",") if part.strip())
    unknown = sorted(wanted - set(gallery.ids()))
    if unknown:
        raise GalleryInputError(
            f'--cast: {", ".join(unknown)} not in the gallery; see "tvradar gallery inspect"'
        )
    return wanted


def identify_source(
    uri: str,
    gallery_dir: Path,
    naming: Naming,
    *,
    annotate: Path | None = None,
    sidecar: bool = False,
    seconds: float | None = None,
    precision: Precision | None = None,
    unverified: bool = False,
    backend: Backend | None = None,
    video: SourceOptions = DEFAULT_OPTIONS,
    on_face: Callable[[IdentifiedFace], None] = lambda _: None,
) -> Identification:
    """Return who is in a source; `on_face` is given its faces, which the answer does not hold.

    See `edge.cli.main.identify` for the other arguments.
    """
    malloc.share_one()
    beside = _sidecar_of(uri) if sidecar else None
    builder = SidecarBuilder()
    board = naming.board()
    loaded = load_pipeline(
        threads=threads_of(uri, every_frame=naming.every_frame),
        precision=precision,
        unverified=unverified,
        backend=backend or "auto",
        embedder=naming.embedder,
    )
    with closing(loaded) as pipeline:
        gallery = open_gallery(gallery_dir, pipeline.model)
        found = _identify(
            pipeline,
            gallery,
            uri,
            video,
            naming,
            annotate,
            seconds,
            board,
            builder.take if sidecar else lambda _: None,
            on_face,
            gallery_dir,
        )
        if beside is not None:
            name = (path_of(uri) or beside).name
            made = builder.encoded(name, gallery.person, lang=naming.lang, complete=found.complete)
            write_atomically(beside, made)
            err.print(f"{beside} written", markup=False)
        return msgspec.structs.replace(found, engines=pipeline.kinds, engines_why=pipeline.why)


def _identify(
    pipeline: FacePipeline,
    gallery: Gallery,
    uri: str,
    video: SourceOptions,
    naming: Naming,
    annotate: Path | None,
    seconds: float | None,
    board: CueBoard,
    also: Callable[[Scene], None],
    on_face: Callable[[IdentifiedFace], None],
    folder: Path,
) -> Identification:
    options = naming.options(gallery)
    if annotate is not None:
        _check_annotate(uri, annotate)
    threshold = policy_for(gallery, options.fpir).threshold
    scenes = SceneFile()

    files: list[str] = []
    pictures: list[IdentifiedPicture] = []

    def take(scene: Scene) -> None:
        also(scene)
        if files:
            pictures.append(IdentifiedPicture.of(files[scene.index], scene))
        if annotate is not None:
            scenes.add(scene)

    summary = Summary(gallery, naming.lang, on_face=on_face, also=take)
    with (
        open_source(uri, options=with_subtitles(video, board)) as source,
        graceful_stop() as stop,
        progress_bar("frames") as progress,
    ):
        if isinstance(source, StillSource):
            files = source.names
        if annotate is not None and source.live:
            raise UsageError(
                f"{without_password(uri)}: live, --annotate needs a file; "
                'use "tvradar run --output"'
            )
        task = progress.add_task("identify", total=source.frame_count)
        read_with_cues(
            uri,
            source,
            pipeline,
            gallery,
            options,
            summary,
            board,
            video=video,
            seconds=seconds,
            every_frame=naming.every_frame,
            stop=stop,
            on_picture=lambda _: progress.advance(task),
            folder=folder,
        )
        warnings = source.stats.warnings
        complete = not stop()
    if annotate is not None:
        annotate_source(uri, annotate, scenes, summary.name, video)
    found = summary.result(uri, threshold=threshold, complete=complete, warnings=warnings)
    return msgspec.structs.replace(found, pictures=tuple(pictures))


def _sidecar_of(uri: str) -> Path:
    """Return where a film's sidecar goes; refuse what has none before any work is done."""
    film = None if is_pipe(uri) else path_of(uri)
    if film is None or not film.is_file() or is_picture_name(film.name):
        raise UsageError(f"--sidecar: {without_password(uri)} is no file of a film, expected one")
    beside = sidecar_path(film)
    if not os.access(film.parent, os.W_OK):
        raise UsageError(
            f"--sidecar: {film.parent} cannot be written to, expected a folder that can; make it "
            "so, or take --json and name a file elsewhere"
        )
    return beside


def _check_annotate(uri: str, annotate: Path) -> None:
    """Refuse what would be found out only after all the work, or would replace the user's film."""
    if is_pipe(uri):
        raise UsageError(f"{uri}: a pipe is read once, --annotate needs a file")
    refuse_to_replace(uri, annotate, "--annotate")
