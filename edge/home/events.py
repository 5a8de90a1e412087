"""Scenes and presses on MQTT, for home automation: `tvradar/<device>/scene`, `/press`, `/answer`.

The broker is the home's own, not the one that galleries come from: who is on the screen is nobody
else's business, and two processes of one device must not share a name at one broker. What arrives
can ask for an answer and nothing else: no message here changes a gallery, a key or a setting.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from gallery.channel.link import LinkState, MqttLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.recognise.answer import Answer
    from edge.recognise.scene import Scene
    from gallery.channel.broker import Broker
    from gallery.channel.subscriptions import Message

log = logging.getLogger(__name__)

SCENES_PER_S = 2.0
PRESSES_PER_S = 5.0
MAX_COMMAND = 256


class PersonOnScreen(msgspec.Struct, frozen=True):
    """Somebody with a name."""

    id: str
    name: str
    score: float


class SceneEvent(msgspec.Struct, frozen=True):
    """What `/scene` carries: who, not where; sent when it changes."""

    pts_s: float
    names: str
    people: tuple[PersonOnScreen, ...]
    unknown: int
    release: int


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `/press` may carry: nothing, or the moment that is asked about."""

    at: float | None = None


class MqttEvents:
    """Publishes what is on the screen and takes presses.

    Args:
        broker: the home's broker.
        device: the device's id in the topics.
        on_press: called by the link's thread with the moment asked about; must only hand over.
        discovery: announce a sensor and a button to Home Assistant.
        backoff_base_s: see `MqttLink`.
    """

    def __init__(
        self,
        broker: Broker,
        device: str,
        on_press: Callable[[float | None], None],
        *,
        discovery: bool = False,
        backoff_base_s: float = 5.0,
    ) -> None:
        self._device, self._on_press, self._discovery = device, on_press, discovery
        self._base = f"tvradar/{device}"
        self._shown: tuple[tuple[str, ...], int] | None = None
        self._sent_s = self._pressed_s = 0.0
        self.ignored = 0
        self.link = MqttLink(
            broker,
            f"{device}-events",
            will=(f"{self._base}/events", b"offline"),
            on_up=self._came_up,
            backoff_base_s=backoff_base_s,
            max_packet=64 * 1024,
        )
        self.link.handle(f"{self._base}/press", self._take, retained=False)

    def start(self) -> None:
        """Start connecting; returns at once."""
        self.link.start()

    def close(self) -> None:
        """Say good-bye and disconnect."""
        if self.link.connects:
            self.link.publish(f"{self._base}/events", b"offline", retain=True)
        self.link.close()

    def scene(self, scene: Scene, names: Callable[[str], str]) -> bool:
        """Publish who is on the screen, if that changed; True if it was sent.

        Args:
            scene: the newest.
            names: gives the name for an id.
        """
        named = {face.id: face for face in scene.faces if face.id is not None}
        unknown = sum(face.id is None for face in scene.faces)
        key = (tuple(sorted(named)), unknown)
        now_s = time.monotonic()
        if self.link.state is not LinkState.UP:
            return False  # or they would pile up; when it is up again, what is then there is told
        if key == self._shown or now_s - self._sent_s < 1 / SCENES_PER_S:
            return False
        self._shown, self._sent_s = key, now_s
        people = tuple(
            PersonOnScreen(person, names(person), round(named[person].score, 3))
            for person in key[0]
        )
        text = ", ".join(person.name for person in people) or "nobody known"
        event = SceneEvent(round(scene.pts_s, 3), text, people, unknown, scene.release)
        self.link.publish(f"{self._base}/scene", msgspec.json.encode(event), qos=0, retain=True)
        return True

    def answer(self, answer: Answer) -> None:
        """Publish the answer to a press; while the link is down nobody waits for it."""
        if self.link.state is LinkState.UP:
            self.link.publish(f"{self._base}/answer", msgspec.json.encode(answer), qos=0)

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
                press = msgspec.json.decode(payload, type=Press)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.ignored += 1
            log.debug("a press that is none: %s", error)
            return
        self._pressed_s = now_s
        self._on_press(press.at)

    def _came_up(self) -> None:
        self._shown = None
        self.link.publish(f"{self._base}/events", b"online", retain=True)
        if self._discovery:
            for topic, payload in discovery(self._device):
                self.link.publish(topic, msgspec.json.encode(payload), retain=True)


def discovery(device: str) -> list[tuple[str, dict[str, object]]]:
    """Return what Home Assistant's MQTT discovery reads: a sensor and a button."""
    base = f"tvradar/{device}"
    about: dict[str, object] = {"identifiers": [f"tvradar_{device}"], "name": f"tvradar {device}"}
    common: dict[str, object] = {"availability_topic": f"{base}/events", "device": about}
    sensor: dict[str, object] = {
        **common,
        "name": "on screen now",
        "unique_id": f"tvradar_{device}_scene",
        "state_topic": f"{base}/scene",
        "value_template": "{{ value_json.names[:250] }}",
        "json_attributes_topic": f"{base}/scene",
        "icon": "mdi:television-guide",
    }
    button: dict[str, object] = {
        **common,
        "name": "radar",
        "unique_id": f"tvradar_{device}_press",
        "command_topic": f"{base}/press",
        "payload_press": "PRESS",
        "icon": "mdi:radar",
    }
    return [
        (f"homeassistant/sensor/tvradar_{device}/scene/config", sensor),
        (f"homeassistant/button/tvradar_{device}/press/config", button),
    ]
