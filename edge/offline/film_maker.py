"""The timeline of one film of many, made from plain values: here, or on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from edge.errors import SourceError
from edge.offline.reading import read_with_cues
from edge.offline.recogniser import offline_options
from edge.offline.summary import Summary
from edge.offline.threads import film_threads
from edge.recognise.cues.cue import CueBoard, CueKind
from edge.recognise.cues.wanted import with_subtitles
from edge.timeline.build import TimelineBuilder
from edge.timeline.sidecar import SidecarBuilder, sidecar_path
from edge.timeline.timeline import to_json, to_vtt
from edge.video.open import open_source
from edge.video.source import DEFAULT_OPTIONS
from engines.fetch import sha256_of
from engines.files import write_atomically
from engines.pipeline import load_pipeline
from gallery.os_errors import reason_of
from gallery.search.open import open_gallery
from gallery.voices.stored import voices_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery


class FilmJob(msgspec.Struct, frozen=True):
    """What is done with each film of a folder.

    Attributes:
        gallery: its folder.
        cast, fpir, lang, cues, embedder, every_frame: see `tvradar timeline`.
        form: of the result.
        sidecar: write one beside each film, too.
    """

    gallery: str
    cast: tuple[str, ...]
    fpir: float
    lang: str
    cues: tuple[CueKind, ...]
    embedder: str = ""
    every_frame: bool = False
    form: Literal["json", "vtt"] = "json"
    sidecar: bool = False


class FilmMade(msgspec.Struct, frozen=True):
    """What became of a film: its result, or why it failed; neither where it was stopped."""

    path: str
    result: bytes | None = None
    failed: str = ""


class FilmMaker:
    """Makes the results of films, one after the other; `close` frees the models.

    Args:
        job: what is to be made.
    """

    def __init__(self, job: FilmJob) -> None:
        self._job = job
        self.models: FacePipeline = load_pipeline(
            threads=film_threads(every_frame=job.every_frame),
            backend="auto",
            embedder=job.embedder,
        )
        self.gallery: Gallery = open_gallery(Path(job.gallery), self.models.model)
        self._options = offline_options(job.fpir, frozenset(job.cast), job.cues)

    def close(self) -> None:
        """Free the models."""
        self.models.close()

    @property
    def work(self) -> str:
        """What results depend on beside the films: a result of other work is made anew."""
        job = self._job
        kinds = ",".join((self.gallery.identity, *self.models.kinds))
        return (
            f"{kinds},{sorted(job.cast)},{job.fpir},{job.lang},{sorted(job.cues)},"
            f"{job.every_frame}" + (",sidecar" if job.sidecar else "") + self._voices()
        )

    def _voices(self) -> str:
        """Return what stands for the voices beside the gallery, where they count."""
        if "voice" not in self._job.cues:
            return ""
        digest = sha256_of(voices_path(Path(self._job.gallery)))
        return f",{digest}" if digest else ""

    def make(
        self, path: str, stop: Callable[[], bool] = lambda: False, *, opened: str = ""
    ) -> FilmMade:
        """Return what became of a film.

        Args:
            path: the film, as results name it.
            stop: asked after each frame; true ends without a result.
            opened: where it is, if that is not its name.
        """
        try:
            result = self._made(path, Path(opened or path), stop)
        except (SourceError, OSError) as error:
            why = reason_of(error) if isinstance(error, OSError) else str(error)
            return FilmMade(path, failed=why)
        return FilmMade(path, result)

    def _made(self, name: str, path: Path, stop: Callable[[], bool]) -> bytes | None:
        job, board = self._job, CueBoard(frozenset(self._job.cues))
        builder, beside = TimelineBuilder(), SidecarBuilder()
        also = beside.take if job.sidecar else lambda _: None
        summary = Summary(self.gallery, job.lang, also=also, on_face=builder.add)
        with open_source(str(path), options=with_subtitles(DEFAULT_OPTIONS, board)) as source:
            read_with_cues(
                str(path),
                source,
                self.models,
                self.gallery,
                self._options,
                summary,
                board,
                every_frame=job.every_frame,
                stop=stop,
                folder=Path(job.gallery),
            )
        if stop():
            return None
        found = summary.result(name, threshold=0.0, complete=True)
        timeline = builder.result(found.source, duration_s=found.duration_s)
        if job.sidecar:
            person = self.gallery.person
            made = beside.encoded(path.name, person, lang=job.lang, complete=True)
            write_atomically(sidecar_path(path), made)
        return to_vtt(timeline).encode() if job.form == "vtt" else to_json(timeline)
