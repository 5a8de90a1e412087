"""`identify`: a picture or a video from start to end, with the hindsight that a file allows.

A live picture must name a face from what came before; a file need not. When the film is over each
track gets one decision from all of its faces and those of other shots that are surely the same
person's, which holds for all of its frames: no name changes
within a track, and a face that turns away keeps its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.offline.film.reader import FilmReader
from edge.offline.recogniser import OfflineRecogniser, with_decisions
from edge.offline.scene_file import SceneFile
from edge.offline.still import identify_still
from edge.recognise.thresholds import policy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edge.offline.brief import Brief
    from edge.recognise.cues.cue import CueSource
    from edge.recognise.recogniser import RecogniserOptions
    from edge.recognise.scene import Scene
    from edge.video.frame import Picture
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery


def recognise_all(
    pipeline: FacePipeline,
    gallery: Gallery,
    pictures: Iterable[Picture],
    options: RecogniserOptions,
    *,
    still: bool,
    every_frame: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_picture: Callable[[Picture], None] = lambda _: None,
    cues: CueSource | None = None,
    on_brief: Callable[[Brief], None] = lambda _: None,
) -> Iterator[Scene]:
    """Yield the decided scene of each frame: of pictures one by one, of a film when it is over.

    Args:
        pipeline: the loaded models.
        gallery: who is known.
        pictures: in order.
        options: budgets and promises.
        still: each picture stands for itself.
        every_frame: a film is searched frame by frame, as a live picture is.
        stop: asked after each frame; true ends early, with all that was seen decided.
        on_picture: called with each one, for progress.
        cues: what is known beside the faces.
        on_brief: told at the end of a film which faces were seen for a moment only.
    """
    if still:
        policy = policy_for(gallery, options.fpir, options.cast)
        track = 0
        for shot, picture in enumerate(pictures):
            frame = picture.to_frame()
            scene = identify_still(
                pipeline,
                gallery,
                frame,
                policy,
                first_track=track,
                shot=shot,
                cues=cues.at(frame.pts_s) if cues is not None else (),
            )
            track += len(scene.faces)
            on_picture(picture)
            yield scene
            if stop():
                return
        return
    reader: FilmReader | EveryFrame = FilmReader(pipeline, gallery, options, cues=cues)
    if every_frame:
        reader = EveryFrame(OfflineRecogniser(pipeline, gallery, options, cues=cues))
    for picture in pictures:
        reader.process(picture)
        on_picture(picture)
        if stop():
            break
    yield from reader.finish()
    on_brief(reader.brief)


class EveryFrame:
    """Reads a film frame by frame, with the interface of `FilmReader`."""

    def __init__(self, recogniser: OfflineRecogniser) -> None:
        self._recogniser = recogniser
        self._scenes = SceneFile()

    @property
    def brief(self) -> Brief:
        """Faces that were seen for a moment only."""
        return self._recogniser.brief

    def process(self, picture: Picture) -> None:
        """Take a picture."""
        for scene in self._recogniser.process(picture.to_frame()):
            self._scenes.add(scene)

    def finish(self) -> Iterator[Scene]:
        """Return the scenes of all frames."""
        for scene in self._recogniser.finish():
            self._scenes.add(scene)
        decisions = self._recogniser.hindsight()
        for scene in self._scenes:
            yield with_decisions(scene, decisions)
