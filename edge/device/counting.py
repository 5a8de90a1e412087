"""Counts scenes for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.device.people import People
    from edge.recognise.scene import Scene
    from edge.recognise.step import Step
    from edge.serve.metrics import Metrics
    from edge.video.frame import Frame
    from edge.video.reader import Reader


class Counting:
    """Writes to the metrics what comes of each frame; a `SceneSink`.

    Args:
        metrics: to write to.
        people: the gallery in use.
        reader: knows how many frames newer ones replaced.
    """

    def __init__(self, metrics: Metrics, people: People, reader: Reader) -> None:
        self._metrics, self._people, self._reader = metrics, people, reader
        self._dropped = 0

    def take(self, _frame: Frame, scene: Scene) -> None:
        """Count a scene, its faces, and the frames that were left out before it."""
        metrics, gallery = self._metrics, self._people.gallery
        metrics.frames.inc()
        dropped = self._reader.dropped
        metrics.dropped.inc(dropped - self._dropped)
        self._dropped = dropped
        for face in scene.faces:
            metrics.faces.labels(face.why or "named").inc()
            for spoke in face.cues:
                metrics.cues.labels(spoke.kind).inc()
        metrics.release.set(gallery.release)
        metrics.created.set(gallery.created_s)
        metrics.people.set(gallery.people_count)

    def cost(self, step: Step) -> None:
        """Count what a frame took of the recogniser, and how steady the names were."""
        for stage, seconds in step.stage_s.items():
            self._metrics.stages.labels(stage).observe(seconds)
        self._metrics.flips.inc(step.flips)
