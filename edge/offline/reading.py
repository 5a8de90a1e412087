"""One reading of a source from start to end, for the command line and the library alike."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from edge.errors import SourceError
from edge.offline.film.look import looked_ahead
from edge.offline.identify import recognise_all
from edge.offline.summary import IdentifiedText, IdentifiedVoice
from edge.video.source import DEFAULT_OPTIONS, SourceOptions
from engines.heap import TIDY_S, give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from edge.captions.of_file import FileCaptions
    from edge.offline.summary import Summary
    from edge.recognise.cues.cue import CueBoard, CueSource
    from edge.recognise.recogniser import RecogniserOptions
    from edge.video.frame import Picture
    from edge.video.source import Pictures, Source
    from edge.voices.of_file import FileVoices
    from engines.detector import Detector
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery


def read_with_cues(
    uri: str,
    source: Source,
    pipeline: FacePipeline,
    gallery: Gallery,
    options: RecogniserOptions,
    summary: Summary,
    board: CueBoard,
    *,
    video: SourceOptions = DEFAULT_OPTIONS,
    seconds: float | None = None,
    every_frame: bool,
    stop: Callable[[], bool],
    on_picture: Callable[[Picture], None] = lambda _: None,
    folder: Path | None = None,
) -> None:
    """Add all of a source to a summary, with its title, captions and voices as cues.

    The gallery's `folder` has voices beside it; without it nobody's are known.
    """
    film = not (source.live or source.still or every_frame)
    seen: Pictures = looked_ahead(source) if film else source
    titles = _titles(uri, seen, board, gallery, video.programme)
    captions = _captions(board, gallery, pipeline.detector, seen)
    voices = _voices(board, gallery, folder, seen)

    def before(picture: Picture) -> None:
        if captions:
            captions.look(picture)
        if voices:
            voices.look(picture)

    read_to_end(
        seen,
        pipeline,
        gallery,
        options,
        summary,
        seconds=seconds,
        stop=stop,
        every_frame=every_frame,
        on_picture=on_picture,
        cues=titles,
        before=before,
    )
    if captions:
        summary.texts += [IdentifiedText(t.pts_s, t.text, t.person) for t in captions.texts]
        captions.close()
    if voices:
        summary.heard += [
            IdentifiedVoice(round(h.from_s, 3), round(h.to_s, 3), h.person) for h in voices.heard
        ]
        voices.close()


# What a cue needs is loaded where that cue is on: without cues none of it is there.


def _titles(
    uri: str, source: Pictures, board: CueBoard, gallery: Gallery, programme: int | None
) -> CueSource:
    if "title" not in board.kinds:
        return board
    from edge.titles.of_file import FileTitle  # noqa: PLC0415

    return FileTitle(uri, source, board, gallery, programme)


def _captions(
    board: CueBoard, gallery: Gallery, detector: Detector, source: Pictures
) -> FileCaptions | None:
    if "text" not in board.kinds:
        return None
    from edge.captions.of_file import open_captions  # noqa: PLC0415

    return open_captions(board, gallery, detector, source)


def _voices(
    board: CueBoard, gallery: Gallery, folder: Path | None, source: Pictures
) -> FileVoices | None:
    if "voice" not in board.kinds:
        return None
    from edge.voices.of_file import open_voices  # noqa: PLC0415

    return open_voices(board, gallery, folder, source)


def read_to_end(
    source: Pictures,
    pipeline: FacePipeline,
    gallery: Gallery,
    options: RecogniserOptions,
    summary: Summary,
    *,
    seconds: float | None = None,
    every_frame: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_picture: Callable[[Picture], None] = lambda _: None,
    cues: CueSource | None = None,
    before: Callable[[Picture], None] = lambda _: None,
) -> None:
    """Add all scenes of a source to `summary`.

    Args:
        source: the opened source.
        pipeline: the loaded models.
        gallery: who is known.
        options: budgets and promises.
        summary: takes the scenes.
        seconds: stop after this many seconds of the source.
        every_frame: a film is searched frame by frame, as a live picture is.
        stop: asked after each frame; true ends early, with all that was seen decided.
        on_picture: called with each one, for progress.
        cues: what is known beside the faces.
        before: called with each one before it is recognised.

    A source that breaks off after its first frame ends there: what was found stands, and the
    summary has a warning.

    Raises:
        SourceError: the source cannot be read at all.
    """
    last_s, tidied_s = 0.0, time.monotonic()

    def seen(picture: Picture) -> None:
        nonlocal last_s, tidied_s
        last_s = picture.pts_s
        on_picture(picture)
        if time.monotonic() - tidied_s >= TIDY_S:
            tidied_s = time.monotonic()
            give_back()

    pictures = _as_far_as_it_goes(source, summary, before)
    scenes = recognise_all(
        pipeline,
        gallery,
        pictures,
        options,
        still=source.still,
        every_frame=every_frame,
        stop=lambda: stop() or (seconds is not None and last_s >= seconds),
        on_picture=seen,
        cues=cues,
        on_brief=summary.take_brief,
    )
    with closing(pictures):  # which may have been left before their end
        for scene in scenes:
            summary.add(scene)


def _as_far_as_it_goes(
    source: Pictures, summary: Summary, before: Callable[[Picture], None]
) -> Generator[Picture, None, None]:
    begun = False
    try:
        for picture in source.pictures():
            begun = True
            before(picture)
            yield picture
            del picture  # or the decoder has one buffer less while we wait
    except SourceError as error:
        if not begun:
            raise
        summary.warnings.append(str(error))
