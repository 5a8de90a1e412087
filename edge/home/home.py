"""The device at the home's broker: publishes who is on screen, and answers presses from there."""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
from typing import TYPE_CHECKING

import msgspec

from edge.errors import UsageError
from edge.home.events import MqttEvents
from edge.serve.presses import answer_in_thread, is_moment, is_remembered
from edge.titles.messages import MAX_REQUEST, TitleRequest
from edge.video.age import captured_s
from gallery.channel.broker import Broker
from gallery.channel.device_name import is_device_name
from gallery.errors import GalleryInputError
from gallery.foreign_json import decode_json
from gallery.threads import Worker

if TYPE_CHECKING:
    from edge.config import EventsConfig
    from edge.recognise.scene import Scene
    from edge.serve.device import Device
    from edge.video.frame import Frame

log = logging.getLogger(__name__)

WAITING = 4
"""Presses that may wait for their answer; more are dropped, as nobody presses that fast."""
_End = object()


class Home:
    """Scenes, presses and answers over MQTT, beside the page and HTTP; a `SceneSink`.

    Args:
        config: where the broker is.
        device: answers the presses.

    Raises:
        UsageError: the device's name cannot be part of a topic.
        SyncSetupError: the broker's address is not valid.
    """

    def __init__(self, config: EventsConfig, device: Device) -> None:
        name = config.device or socket.gethostname().split(".")[0]
        if not is_device_name(name):
            raise UsageError(
                f"events.device: {name!r}, expected 1 to 64 letters, digits, '-' or '_'"
            )
        self._device = device
        self._presses: queue.Queue[object] = queue.Queue(WAITING)
        self._events = MqttEvents(
            Broker.from_uri(config.broker),
            name,
            self._take,
            on_title=self._take_title if device.titles is not None else None,
            discovery=config.discovery,
        )
        self._thread = Worker("mqtt-presses", self._answer_all)

    def start(self) -> None:
        """Begin to connect; the device does not wait for it."""
        self._events.start()
        self._thread.start()

    def close(self) -> None:
        """Say good-bye."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._presses.put(_End, timeout=0.5)
            self._thread.join(0.5)
        self._events.close()

    def take(self, frame: Frame, scene: Scene) -> None:
        """Take who is on screen, as a `SceneSink`; another thread publishes it."""
        self._events.scene(scene, self._name, captured_s(frame.captured_ns))

    def _name(self, person_id: str) -> str:
        person = self._device.people.person(person_id)
        return person.name() if person else person_id

    def _take(self, at_s: float | None) -> None:
        """Hand a press over; the link's thread must go on."""
        if not is_moment(at_s):
            return
        try:
            self._presses.put_nowait(at_s)
        except queue.Full:
            log.debug("too many presses, one dropped")

    def _take_title(self, payload: bytes) -> None:
        """Hand a title over; what is none is forgotten."""
        try:
            request = decode_json(payload[:MAX_REQUEST] or b"{}", TitleRequest)
            self._presses.put_nowait(request)
        except msgspec.DecodeError as error:
            log.debug("title: %s", error)
        except queue.Full:
            log.debug("title: too many at once")

    def _answer_all(self) -> None:
        while (at_s := self._presses.get()) is not _End:
            if isinstance(at_s, TitleRequest):
                self._play(at_s)
                continue
            moment = at_s if isinstance(at_s, float) else None
            if not is_remembered(self._device, moment):
                log.warning("press: %s s is not remembered", moment)
                continue
            answer_in_thread(self._device, moment, self._events.answer)

    def _play(self, request: TitleRequest) -> None:
        try:
            if self._device.titles is not None:
                self._device.titles.request(request, "mqtt")
        except GalleryInputError as error:
            log.debug("title: %s", error)
