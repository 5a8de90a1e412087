"""Where scenes go: one protocol for viewers, outputs and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge.recognise.scene import Scene
    from edge.video.frame import Frame


class SceneSink(Protocol):
    """Takes each frame with what is known of it; the recogniser does not know who takes its scenes.

    The overlay, MQTT, metrics, the rendered programme and the updater's heartbeat are sinks.
    """

    def take(self, frame: Frame, scene: Scene) -> None:
        """Take a frame and its scene, in the recogniser's thread, so it must not take long.

        The frame's array is read, not written to, and not kept: others take it too.
        """
