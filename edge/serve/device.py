"""What the server serves: the parts of the device that it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.serve.messages import DeviceStatus
from edge.serve.metrics import Metrics
from edge.timeline.live import Appearing

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.serve.live import Hub
    from edge.serve.naming import Naming
    from edge.serve.pairing import Pairing
    from edge.serve.ports import FeedbackPort, PeoplePort, PlayerPort, PressHistoryPort, TitlePort
    from edge.serve.preview import Preview
    from edge.serve.stills import Stills


@dataclass(slots=True)
class Device:
    """What the server serves.

    Attributes:
        history, people, feedback: the rest of the device.
        hub: scenes for the overlay.
        preview: pictures for the overlay, or None when they are off.
        metrics: for Prometheus.
        ready: why the device is not ready, or an empty string.
        notice: a line that the page shows at its foot, by language.
        stills: pictures for the scenes of one person, or None when they are off.
        naming: gives strangers names, or None where that is off.
        pairing: lets telephones in, or None where that is off.
        player: plays the source, or None when nothing can be said of it.
        appearing: who appeared when, as far as it was seen.
        on_press: called at each press, so that the newest faces are embedded with priority.
        titles: takes the title that plays, or None where nobody wants it.
        status: what runs here and why, for `/api/status`.
    """

    history: PressHistoryPort
    people: PeoplePort
    feedback: FeedbackPort
    hub: Hub
    metrics: Metrics = field(default_factory=Metrics)
    preview: Preview | None = None
    stills: Stills | None = None
    naming: Naming | None = None
    pairing: Pairing | None = None
    player: PlayerPort | None = None
    appearing: Appearing = field(default_factory=Appearing)
    ready: Callable[[], str] = lambda: ""
    notice: dict[str, str] = field(default_factory=dict)
    on_press: Callable[[], None] = lambda: None
    titles: TitlePort | None = None
    status: Callable[[], DeviceStatus] = DeviceStatus
