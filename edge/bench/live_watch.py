"""Who watches in `bench live`: the overlay that gets scenes, and a viewer who presses."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import defaultdict
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from edge.bench.live_film import LOOK_PX, read_number

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from edge.recognise.scene import Scene
    from edge.recognise.step import Step
    from edge.video.frame import Frame

PRESS_EVERY_S = 0.25


class Watch:
    """What scenes were made of, and when the overlay had them; a `SceneSink`.

    Args:
        sent_s: when each picture was sent last, by number.
    """

    def __init__(self, sent_s: Mapping[int, float]) -> None:
        self._when_s = sent_s
        self._sent_s: dict[float, float] = {}
        self._heard_s: dict[float, float] = {}
        self._stages: defaultdict[str, list[float]] = defaultdict(list)
        self.made_s: list[float] = []
        self.faces: list[int] = []
        self.named: list[bool] = []
        self.shed = 0
        self.counting = False

    def take(self, frame: Frame, scene: Scene) -> None:
        """Take a scene that was just published; called by the recogniser's thread."""
        sent_s = self._when_s.get(read_number(frame.scaled(LOOK_PX, sampled=True)))
        if sent_s is not None:
            self._sent_s[round(scene.pts_s, 4)] = sent_s
        if self.counting:
            self.made_s.append(time.monotonic() - frame.captured_ns / 1e9)
            self.faces.append(len(scene.faces))
            self.named.append(any(face.id for face in scene.faces))

    def step(self, step: Step, shed: int) -> None:
        """Take what a frame cost, and how much load was shed for it."""
        if self.counting:
            self.shed = max(self.shed, shed)
            for stage, seconds in step.stage_s.items():
                self._stages[stage].append(seconds)

    def stages(self) -> dict[str, list[float]]:
        """Return the seconds of each stage, frame by frame; 0 where a frame had none."""
        frames = max(map(len, self._stages.values()), default=0)
        return {
            stage: seconds + [0.0] * (frames - len(seconds))
            for stage, seconds in sorted(self._stages.items())
        }

    def overlay(self, url: str, stop: threading.Event) -> None:
        """Listen as an overlay does."""
        address = url.replace("http", "ws", 1) + "api/live"
        with connect(address, max_queue=None) as stream:
            while not stop.is_set():
                try:
                    message = json.loads(stream.recv(timeout=0.5))
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                if message["type"] == "scene" and self.counting:
                    self._heard_s[message["pts_s"]] = time.monotonic()

    def glass_s(self) -> list[float]:
        """Return how old each scene was that the overlay had while it counted."""
        heard_s = dict(self._heard_s)
        return [heard_s[pts_s] - self._sent_s[pts_s] for pts_s in heard_s if pts_s in self._sent_s]


class Presses:
    """A viewer who presses the button again and again.

    Args:
        url: of the device.
        stop: ends it.
    """

    def __init__(self, url: str, stop: threading.Event) -> None:
        self._url, self._stop = url, stop
        self.took_s: list[float] = []
        self.counting = False

    def run(self) -> None:
        """Press until it is to stop."""
        while not self._stop.wait(PRESS_EVERY_S):
            request = urllib.request.Request(self._url + "api/press", b"{}", method="POST")  # noqa: S310
            begun_s = time.monotonic()
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                response.read()
            if self.counting:
                self.took_s.append(time.monotonic() - begun_s)
