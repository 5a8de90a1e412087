"""What the page gets of each scene: boxes and names, their place in the source, the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.video.age import captured_s

if TYPE_CHECKING:
    from edge.recognise.scene import Scene
    from edge.serve.live import Hub
    from edge.serve.ports import PlayerPort
    from edge.serve.preview import Preview
    from edge.timeline.live import Appearing
    from edge.video.frame import Frame


class Overlay:
    """Hands scenes to the page; a `SceneSink`.

    Args:
        hub: sends them to all readers.
        player: knows where in the source a frame is.
        appearing: remembers who was where, for "only watch this person".
    """

    def __init__(self, hub: Hub, player: PlayerPort, appearing: Appearing) -> None:
        self._hub, self._player, self._appearing = hub, player, appearing

    def take(self, frame: Frame, scene: Scene) -> None:
        """Publish a scene."""
        position_s = self._player.position_s(frame.pts_s)
        if position_s is not None:
            self._appearing.push((f.id for f in scene.faces if f.id), position_s)
        at_s = captured_s(frame.captured_ns)
        self._hub.publish(scene, None if self._player.why_not else position_s, at_s)


class Pictures:
    """Hands the picture of each scene to the page; a `SceneSink` that comes after `Overlay`.

    Args:
        hub: has the newest scene as it was sent.
        preview: sends the pictures.
    """

    def __init__(self, hub: Hub, preview: Preview) -> None:
        self._hub, self._preview = hub, preview

    def take(self, frame: Frame, _scene: Scene) -> None:
        """Publish the picture of the scene that was published last."""
        self._preview.publish(frame, self._hub.newest, captured_s(frame.captured_ns))
