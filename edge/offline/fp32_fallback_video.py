"""A film's uncertain shots, taken again by the reference models.

`identify` may read a file twice. Where the names of a shot depend on differences smaller than
INT8's own error, its frames are read and tracked again in FP32, so that it gives FP32's names.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import msgspec

from edge.offline.recogniser import OfflineRecogniser, RetakenShot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Self

    from edge.offline.fp32_fallback import SecondOpinion
    from edge.recognise.cues.cue import CueSource
    from edge.recognise.decide import Claim, Policy
    from edge.recognise.recogniser import RecogniserOptions
    from edge.recognise.scene import Scene
    from edge.video.frame import Frame, Picture
    from edge.video.source import Source
    from gallery.search.search import Gallery

log = logging.getLogger(__name__)


class Retake:
    """Takes shots of one film again, in their order; close it to end the second reading.

    Args:
        second: says which shots, and has the models.
        gallery: who is known.
        options: as for the first take.
        reopen: opens the film once more; it is read forward only, and not before it is needed.
        stop: asked after each frame; true leaves a shot as it was.
        cues: as for the first take.
    """

    def __init__(
        self,
        second: SecondOpinion,
        gallery: Gallery,
        options: RecogniserOptions,
        reopen: Callable[[], Source],
        stop: Callable[[], bool] = lambda: False,
        cues: CueSource | None = None,
    ) -> None:
        self._second = second
        self._gallery = gallery
        # where the shot begins and ends is settled
        self._options = dataclasses.replace(options, cuts=False)
        self._reopen = reopen
        self._stop, self._cues = stop, cues
        self._source: Source | None = None
        self._pictures: Iterator[Picture] = iter(())

    def is_needed(
        self, claims: Sequence[Claim], policy: Policy, co_occur: Callable[[int, int], bool]
    ) -> bool:
        """Return whether a shot's names depend on less than the error of its scores."""
        return self._second.is_needed(claims, policy, co_occur)

    def shot(self, scenes: Sequence[Scene]) -> RetakenShot | None:
        """Return a shot again, with tracks numbered from 0.

        None when it was stopped, or when the second reading gave other frames than the first (the
        file was replaced): then the first result stands.
        """
        recogniser = OfflineRecogniser(
            self._second.pipeline(), self._gallery, self._options, cues=self._cues
        )
        for frame in self._frames(scenes[0].index, scenes[-1].index):
            recogniser.process(frame)
            if self._stop():
                return None
        found = recogniser.finish()
        if [s.index for s in found] != [s.index for s in scenes]:
            log.warning("frame %d: not read alike twice, INT8 decides", scenes[0].index)
            return None
        shot = scenes[0].shot
        return RetakenShot(
            [msgspec.structs.replace(scene, shot=shot) for scene in found], recogniser.tracks
        )

    def _frames(self, first: int, last: int) -> Iterator[Frame]:
        if self._source is None:
            self._source = self._reopen()
            self._pictures = iter(self._source.pictures())
        for picture in self._pictures:
            if picture.index >= first:
                yield picture.to_frame()
            if picture.index >= last:
                return

    def close(self) -> None:
        """End the second reading."""
        if self._source is not None:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
