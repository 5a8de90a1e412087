"""Scenes and presses on MQTT, for home automation: `tvradar/<device>/scene`, `/press`, `/answer`.

The broker is the home's own, not the one that galleries come from: who is on the screen is nobody
else's business, and two processes of one device must not share a name at one broker. What arrives
can ask for an answer and nothing else: no message here changes a gallery, a key or a setting.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from edge.home.discovery import discovery
from edge.video.age import FRESH_S, now_s
from gallery.channel.link import LinkState, MqttLink
from gallery.foreign_json import decode_json
from gallery.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.answer import Answer
    from edge.recognise.scene import Scene
    from gallery.channel.broker import Broker
    from gallery.channel.subscriptions import Message

log = logging.getLogger(__name__)

REPEAT_S = 0.5
"""A scene is sent at once when it changes, at most this often, and repeated this often: a listener
that hears nothing for longer knows that nothing is known."""
KEPT_S = 1
"""The broker keeps a scene with names this long, for later subscribers (MQTT 5)."""
SOON_S = 0.01
KEEPALIVE_S = 5
PRESSES_PER_S = 5.0
MAX_COMMAND = 256


class PersonOnScreen(msgspec.Struct, frozen=True):
    """Somebody with a name."""

    id: str
    name: str
    score: float


class SceneEvent(msgspec.Struct, frozen=True):
    """What `/scene` carries: who, not where; `pts_s` is when it became so.

    Attributes:
        pts_s: seconds of the source's clock.
        names: all names, for people to read.
        people: those with a name.
        unknown: how many faces have none.
        release: of the gallery.
        picture: false while there is no picture: then nobody can be on the screen.
    """

    pts_s: float
    names: str
    people: tuple[PersonOnScreen, ...]
    unknown: int
    release: int
    picture: bool = True


NOBODY = msgspec.json.encode(SceneEvent(0.0, "nobody known", (), 0, 0, picture=False))


class Told(msgspec.Struct, frozen=True):
    """A scene as it is sent.

    Attributes:
        key: ids of the people, and how many have no name: what makes it another scene.
        payload: what is sent.
        at_s: when the newest picture that showed it was captured.
    """

    key: tuple[tuple[str, ...], int]
    payload: bytes
    at_s: float

    @property
    def named(self) -> bool:
        """Whether anybody has a name."""
        return bool(self.key[0])


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `/press` may carry: nothing, or the moment that is asked about."""

    at: float | None = None


class MqttEvents:
    """Publishes what is on the screen and takes presses.

    Args:
        broker: the home's broker.
        device: the device's id in the topics.
        on_press: called by the link's thread with the moment asked about; must only hand over.
        on_title: called so with what says which title plays; None takes none.
        discovery: announce a sensor and a button to Home Assistant.
        backoff_base_s: see `MqttLink`.
        clock: seconds that go on whatever the source does.
    """

    def __init__(
        self,
        broker: Broker,
        device: str,
        on_press: Callable[[float | None], None],
        *,
        on_title: Callable[[bytes], None] | None = None,
        discovery: bool = False,
        backoff_base_s: float = 5.0,
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._device, self._on_press, self._discovery = device, on_press, discovery
        self._base = f"tvradar/{device}"
        self._clock = clock
        self._told: Told | None = None
        self._sent_s = self._pressed_s = 0.0
        self.ignored = 0
        self.link = MqttLink(
            broker,
            f"{device}-events",
            will=(f"{self._base}/events", b"offline"),
            on_up=self._came_up,
            backoff_base_s=backoff_base_s,
            max_packet=64 * 1024,
            keepalive_s=KEEPALIVE_S,
        )
        self.link.handle(f"{self._base}/press", self._take, retained=False)
        if on_title is not None:  # what plays is still true after a restart: retained counts
            self.link.handle(f"{self._base}/title", lambda message: on_title(message[1]))
        # A connection has only one will, and two topics must be right when we vanish.
        self._scenes = MqttLink(
            broker,
            f"{device}-scene",
            will=(f"{self._base}/scene", NOBODY),
            on_up=self._scenes_came_up,
            backoff_base_s=backoff_base_s,
            max_packet=64 * 1024,
            keepalive_s=KEEPALIVE_S,
        )
        self._changed, self._stop = threading.Event(), threading.Event()
        self._thread = Worker("mqtt-scenes", self._tell_all)

    def start(self) -> None:
        """Start connecting; returns at once."""
        self.link.start()
        self._scenes.start()
        self._thread.start()

    def close(self) -> None:
        """Say good-bye and disconnect."""
        self._stop.set()
        self._changed.set()
        self._thread.join(1)
        if self._scenes.connects:
            self._scenes.publish(f"{self._base}/scene", NOBODY, retain=True)
        if self.link.connects:
            self.link.publish(f"{self._base}/events", b"offline", retain=True)
        self._scenes.close()
        self.link.close()

    def scene(self, scene: Scene, names: Callable[[str], str], at_s: float | None = None) -> None:
        """Take who is on the screen; another thread publishes it.

        Args:
            scene: the newest.
            names: gives the name for an id.
            at_s: when its picture was captured, by `clock`; now, when not given.
        """
        at_s = self._clock() if at_s is None else at_s
        named = {face.id: face for face in scene.faces if face.id is not None}
        unknown = sum(face.id is None for face in scene.faces)
        key = (tuple(sorted(named)), unknown)
        if self._told is not None and self._told.key == key:
            self._told = msgspec.structs.replace(self._told, at_s=at_s)
            return
        people = tuple(
            PersonOnScreen(person, names(person), round(named[person].score, 3))
            for person in key[0]
        )
        text = ", ".join(person.name for person in people) or "nobody known"
        event = SceneEvent(round(scene.pts_s, 3), text, people, unknown, scene.release)
        self._told = Told(key, msgspec.json.encode(event), at_s)
        self._changed.set()

    def answer(self, answer: Answer) -> None:
        """Publish the answer to a press; while the link is down nobody waits for it.

        What captions say of people who are not enrolled stays on this device.
        """
        if self.link.state is LinkState.UP:
            told = msgspec.json.encode(msgspec.structs.replace(answer, texts=()))
            self.link.publish(f"{self._base}/answer", told, qos=0)

    def _take(self, message: Message) -> None:
        """Read a press; anything else is counted and forgotten."""
        payload = message[1]
        now_s = time.monotonic()
        if len(payload) > MAX_COMMAND or now_s - self._pressed_s < 1 / PRESSES_PER_S:
            self.ignored += 1
            return
        try:
            press = Press()
            if payload not in {b"", b"PRESS"}:
                press = decode_json(payload, Press)
        except msgspec.DecodeError as error:
            self.ignored += 1
            log.debug("not a valid press: %s", error)
            return
        self._pressed_s = now_s
        self._on_press(press.at)

    def _tell_all(self) -> None:
        """Publish what is on the screen: repeatedly, and at once when it changes."""
        while not self._stop.is_set():
            if self._changed.wait(self._wait_s()):
                self._changed.clear()
                self._stop.wait(self._sent_s + REPEAT_S - time.monotonic())
            if self._stop.is_set():
                return
            self._sent_s = time.monotonic()
            self._tell()

    def _wait_s(self) -> float:
        """Return seconds until the next message: sooner if the last one becomes old before."""
        told = self._told
        fresh_s = told.at_s + FRESH_S - self._clock() if told is not None else -1.0
        return fresh_s + SOON_S if 0 <= fresh_s < REPEAT_S else REPEAT_S

    def _tell(self) -> None:
        """Send the scene if there is a connection; one that is old by then is not sent."""
        if self._scenes.state is not LinkState.UP:
            return
        topic, told = f"{self._base}/scene", self._told
        if told is None or self._clock() - told.at_s > FRESH_S:
            self._scenes.publish(topic, NOBODY, qos=0, retain=True)
        elif not told.named:
            self._scenes.publish(topic, told.payload, qos=0, retain=True)
        else:
            # A broker that keeps a name for ever would still tell it when we are gone.
            kept = self._scenes.can_expire
            self._scenes.publish(topic, told.payload, qos=0, retain=kept, expires_s=KEPT_S)

    def _scenes_came_up(self) -> None:
        """Clear what an earlier run, or this one before an outage, left at the broker."""
        self._scenes.publish(f"{self._base}/scene", NOBODY, retain=True)
        self._changed.set()

    def _came_up(self) -> None:
        self.link.publish(f"{self._base}/events", b"online", retain=True)
        if self._discovery:
            for topic, entity in discovery(self._device):
                self.link.publish(topic, msgspec.json.encode(entity), retain=True)
