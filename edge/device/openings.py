"""What a device opens only where it is configured, and loads only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.config import EventsConfig
    from edge.device.people import People
    from edge.home.home import Home
    from edge.output.output import BurnedIn
    from edge.serve.device import Device


def open_home(config: EventsConfig, device: Device) -> Home | None:
    """Return the link to the home's broker, None where there is none."""
    if not config.broker:
        return None
    from edge.home.home import Home  # noqa: PLC0415 - MQTT is loaded where it is used

    return Home(config, device)


def open_output(uri: str, people: People) -> BurnedIn:
    """Return what burns names into the picture."""
    from edge.output.output import BurnedIn  # noqa: PLC0415 - drawing is loaded where it is used

    return BurnedIn(uri, people)
