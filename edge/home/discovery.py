"""What Home Assistant's MQTT discovery reads: a sensor and a button."""

from __future__ import annotations

import msgspec

EXPIRE_AFTER_S = 2
"""Home Assistant shows the sensor as unavailable when it has heard nothing for this long."""


class HomeDevice(msgspec.Struct, frozen=True):
    """The device that sensor and button belong to."""

    identifiers: tuple[str, ...]
    name: str


class Sensor(msgspec.Struct, frozen=True):
    """Who is on screen; the fields are Home Assistant's (MQTT sensor)."""

    availability_topic: str
    device: HomeDevice
    name: str
    unique_id: str
    state_topic: str
    value_template: str
    json_attributes_topic: str
    expire_after: int
    icon: str


class Button(msgspec.Struct, frozen=True):
    """Asks who is on screen; the fields are Home Assistant's (MQTT button)."""

    availability_topic: str
    device: HomeDevice
    name: str
    unique_id: str
    command_topic: str
    payload_press: str
    icon: str


def discovery(device: str) -> tuple[tuple[str, Sensor | Button], ...]:
    """Return the topics and what is to be announced there, for a device's name."""
    base = f"tvradar/{device}"
    about = HomeDevice((f"tvradar_{device}",), f"tvradar {device}")
    sensor = Sensor(
        availability_topic=f"{base}/events",
        device=about,
        name="on screen now",
        unique_id=f"tvradar_{device}_scene",
        state_topic=f"{base}/scene",
        value_template="{{ value_json.names[:250] }}",
        json_attributes_topic=f"{base}/scene",
        expire_after=EXPIRE_AFTER_S,
        icon="mdi:television-guide",
    )
    button = Button(
        availability_topic=f"{base}/events",
        device=about,
        name="radar",
        unique_id=f"tvradar_{device}_press",
        command_topic=f"{base}/press",
        payload_press="PRESS",
        icon="mdi:radar",
    )
    return (
        (f"homeassistant/sensor/tvradar_{device}/scene/config", sensor),
        (f"homeassistant/button/tvradar_{device}/press/config", button),
    )
