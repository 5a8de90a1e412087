"""A film read as a film.

Of most frames nothing is converted but some thousand pixels, to see cuts and changes by. A few a
second get a detection pass at low resolution, with a closer look at small faces; fewer one at full
resolution. When a shot is over the best views of its faces are embedded, and boxes are laid on the
frames between two passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge.hindsight.join_tracks import decide_film
from edge.offline.brief import Brief
from edge.offline.film.beside import worker_beside
from edge.offline.film.closer import (
    NEAR,
    Found,
    Target,
    in_crops,
    is_close_up,
    low_size,
    merged,
    with_new,
)
from edge.offline.film.evidence import Evidence
from edge.offline.film.face import FollowedFace
from edge.offline.film.look import FilmLook
from edge.offline.film.news import News, in_parts
from edge.offline.film.passes import Pass, PassPlan
from edge.offline.film.shot import EndedShot, Moments
from edge.offline.film.shots_file import ShotsFile
from edge.offline.film.suspects import Suspects
from edge.offline.film.tiles import everywhere
from edge.offline.film.views import cut_out
from edge.recognise.cues.cue import CueBoard
from edge.recognise.evidence import CueGate, TrackState
from edge.recognise.step import Stopwatch
from edge.recognise.template import TrackTemplate
from edge.recognise.thresholds import Thresholds
from edge.recognise.track import MAX_DISTANCE, MIN_HITS, SURE_SCORE, Tracker
from engines.box_voting import overlaps
from engines.detections import Detections

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from edge.recognise.cues.cue import CueSource
    from edge.recognise.recogniser import RecogniserOptions
    from edge.recognise.scene import Scene
    from edge.video.frame import Picture
    from engines.pipeline import FacePipeline
    from gallery.search.search import Gallery

PART_S = 60.0
"""A longer shot is decided in parts, so that memory does not grow with it."""
CLOSE_PX = 24.0
"""A face that is smaller in a low-resolution pass is searched for from close by too."""
MOST_CROPS = 16
TRACKED_ALIKE = 0.3


class FilmReader:
    """Names the faces of a film: `process` takes its pictures in order, `finish` says who is who.

    Args:
        pipeline: the loaded models.
        gallery: who is known.
        options: promises; what a frame may cost is not asked.
        on_stages: told the seconds of each stage of each frame.
        cues: what is known beside the faces; asked at each pass.

    Attributes:
        brief: faces of shots that are over that were seen for a moment only.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Gallery,
        options: RecogniserOptions,
        on_stages: Callable[[Mapping[str, float]], None] = lambda _: None,
        cues: CueSource | None = None,
    ) -> None:
        self._pipeline, self._gallery = pipeline, gallery
        self._on_stages = on_stages
        self._policy = policy = Thresholds(options.fpir, options.cast).prepare(gallery)
        self._look = FilmLook()
        self._plan, self._news, self._tracker = PassPlan(), News(), Tracker()
        self._suspects = Suspects()
        self._cues = cues or CueBoard()
        self._gate = CueGate(self._cues)
        self._shot = 0
        self._frames: list[tuple[float, int]] = []
        self._size = (0, 0)
        self._film = ShotsFile()
        self.brief = Brief()
        self._evidence = Evidence(
            pipeline.embedder, gallery, policy, lambda: self._tracker.reserve(1)
        )
        self._worker = worker_beside() if pipeline.shareable else None
        self._ended: EndedShot | None = None
        self._faces: dict[int, FollowedFace] = {}
        self._held: tuple[Picture, NDArray[np.uint8]] | None = None
        self._pass_s = float("-inf")
        self._watch = Stopwatch()

    def process(self, picture: Picture) -> None:
        """Take a picture; `FilmLook` may have looked at it, in another thread."""
        self._watch = Stopwatch()
        looked = self._look.look(picture)
        small = looked.small
        if looked.cut or (self._frames and self._size != picture.size):
            self._end_shot()
        self._frames.append((picture.pts_s, picture.index))
        self._size = picture.size
        self._watch.lap("shots")
        kind = self._plan.due(picture.pts_s, small)
        self._held = (picture, small)
        self._gate.look(picture.pts_s, lambda: picture.to_frame().bgr)
        if kind is not None:
            self._pass(kind)
            if picture.pts_s - self._frames[0][0] >= PART_S:
                alive = {track.number for track in self._tracker.tracks}
                self._end_part(alive)
                self._go_on(alive)
        self._on_stages(self._watch.stage_s)

    def finish(self) -> Iterator[Scene]:
        """Yield the scenes of all frames, from what the whole film says of its tracks."""
        self._end_shot()
        self._finish_ended()
        if self._worker is not None:
            self._worker.shutdown()
        tracks = self._film.tracks
        decisions = decide_film(
            tracks, self._gallery, self._policy, self._cues.supposed, shown=True
        )
        yield from self._film.scenes(decisions, self._gallery)

    def _end_shot(self) -> None:
        if self._held is not None:
            self._pass(Pass.LOW)
        self._end_part(frozenset())
        self._faces = {}
        self._tracker.reset()
        self._gate.cut()
        self._plan.cut()
        self._suspects = Suspects()
        self._shot += 1

    def _end_part(self, alive: Collection[int]) -> None:
        """Begin to embed the faces of the frames so far; those that live are followed further."""
        if not self._frames:
            return
        self._finish_ended()
        times_s, indices = zip(*self._frames, strict=True)
        moments = Moments(self._shot, self._size, np.array(times_s), np.array(indices))
        faces = list(self._faces.values())
        self._ended = EndedShot(moments, faces, alive, self._evidence, self._worker)
        self._frames = []
        self._watch.lap("embed")

    def _go_on(self, alive: Collection[int]) -> None:
        """Follow the faces that live further, with what the ended part says of them."""
        self._finish_ended()
        self._faces = {n: f.continued() for n, f in self._faces.items() if n in alive}

    def _finish_ended(self) -> None:
        """Keep what is left of what ended last; its faces were embedded meanwhile."""
        if self._ended is None:
            return
        shot, alive = self._ended.finished(self._gallery), self._ended.alive
        self._ended = None
        self._film.add(shot)
        shown = {face.track for face in shot.shown}
        for number, seen_s in shot.seen_s.items():
            if number not in alive:
                self.brief = self.brief.after(seen_s, shown=number in shown)

    def _pass(self, kind: Pass) -> None:
        """Look at the picture that is held, and let it go."""
        assert self._held is not None
        (picture, small), self._held = self._held, None
        found, bgr = self._found(picture, small, kind)
        self._watch.lap("detect")
        self._follow(found, picture.pts_s, bgr)
        width = picture.size[0]
        self._plan.done(kind, picture.pts_s, small, self._tracker.tracks, width)
        self._watch.lap("track")

    def _found(
        self, picture: Picture, small: NDArray[np.uint8], kind: Pass
    ) -> tuple[Found, NDArray[np.uint8] | None]:
        """Return the faces of a picture, and the picture where its pixels were needed."""
        detector, size = self._pipeline.detector, low_size(picture.size)
        if kind is Pass.BLANK:
            return Found(Detections.empty(), np.ones(0, bool)), None
        if kind is Pass.FULL or size is None:
            bgr = picture.to_frame().bgr
            faces = everywhere(detector, bgr)
            sure = faces.xyxy_px[faces.scores >= SURE_SCORE]
            self._news.searched(small, sure, picture.size)
            self._suspects.searched(faces if size is not None else Detections.empty())
            return Found(faces, np.ones(len(faces), bool)), bgr
        if kind is Pass.FOLLOW:
            bgr = picture.to_frame().bgr
            faces = in_crops(detector, bgr, self._expected(picture.pts_s))
            return Found(faces, np.ones(len(faces), bool)), bgr
        factor = np.divide(picture.size, size, dtype=np.float32)
        low = detector.detect(picture.scaled(size)).scaled(factor)
        close_up = is_close_up(low, factor)
        expected = self._expected(picture.pts_s)
        targets, viewed = self._targets(low, picture.pts_s, float(factor[0]), close_up, expected)
        followed = [target.box for target in expected]
        targets += self._suspects.targets(followed)
        sure = low.xyxy_px[low.scores >= SURE_SCORE]
        known = np.array([*followed, *sure], np.float32).reshape(-1, 4)
        parts = self._news.parts(small, known, picture.size)
        if not targets and not parts and not viewed:
            return Found(low, close_up), None
        bgr = picture.to_frame().bgr
        close = in_crops(detector, bgr, targets[:MOST_CROPS])
        return merged(low, close_up, with_new(close, in_parts(detector, bgr, parts))), bgr

    def _expected(self, pts_s: float) -> list[Target]:
        """Return where the faces that are followed are expected, and how far off.

        Of who was found once nobody knows how they move.
        """
        return [
            Target(track.at(pts_s), NEAR if track.hits >= MIN_HITS else MAX_DISTANCE)
            for track in self._tracker.tracks
        ]

    def _targets(
        self,
        low: Detections,
        pts_s: float,
        factor: float,
        close_up: NDArray[np.bool_],
        expected: Sequence[Target],
    ) -> tuple[list[Target], bool]:
        """Return where to look from close by: new faces, small ones, and those worth a view.

        And whether a close-up, which needs no closer look, is worth one.
        """
        targets, met, viewed = [], set(), False
        tracks = self._tracker.tracks
        places = np.array([target.box for target in expected], np.float32).reshape(-1, 4)
        for box, is_seen_well in zip(low.xyxy_px, close_up, strict=True):
            shared = overlaps(box, places)
            best = int(np.argmax(shared)) if len(places) else -1
            known = best >= 0 and shared[best] >= TRACKED_ALIKE
            if known:
                met.add(best)
            small = float((box[2:] - box[:2]).min()) < CLOSE_PX * factor
            if known and not small and not self._faces[tracks[best].number].views.is_due(pts_s):
                continue
            if is_seen_well:
                viewed = True
            else:
                targets.append(Target(box))
        return targets + [expected[i] for i in range(len(tracks)) if i not in met], viewed

    def _follow(self, found: Found, pts_s: float, bgr: NDArray[np.uint8] | None) -> None:
        calm_s = self._plan.calm_s
        for known in self._faces.values():
            known.stayed(self._pass_s, calm_s)
        self._pass_s = pts_s
        seen = self._tracker.update(found.faces, pts_s)
        marks_px = {track.number: found.faces.landmarks_px[index] for track, index in seen}
        self._gate.found(marks_px, pts_s)
        for track, index in seen:
            face = self._faces.get(track.number)
            if face is None:
                state = TrackState(track, TrackTemplate(self._pipeline.scores))
                face = self._faces[track.number] = FollowedFace(state, calm_s)
            side_px = float(found.faces.sides_px[index])
            face.state.side_px = max(face.state.side_px, side_px)
            face.found(pts_s, found.faces.xyxy_px[index], float(found.faces.scores[index]))
        self._gate.give([self._faces[t.number].state for t in self._tracker.tracks], pts_s)
        if bgr is not None:
            fine = [(track.number, index) for track, index in seen if found.fine[index]]
            faces = found.faces[[index for _, index in fine]]
            views = cut_out(self._pipeline, bgr, faces, pts_s)
            for (number, _), view in zip(fine, views, strict=True):
                self._faces[number].views.add(view)
