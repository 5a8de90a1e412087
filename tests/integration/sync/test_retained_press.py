"""A press that the broker has retained is an old one; it is not answered at each start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.home.events import MqttEvents
from tests.polling import until

if TYPE_CHECKING:
    from tests.integration.sync.conftest import World


def test_a_retained_press_is_not_answered_and_a_fresh_one_is(world: World) -> None:
    device = "kept" + world.prefix
    home = world.connect("home-kept" + world.prefix)
    home.publish(f"tvradar/{device}/press", b"PRESS", retain=True).result(5)
    presses: list[float | None] = []
    events = MqttEvents(world.broker, device, presses.append, backoff_base_s=0.1)
    events.start()
    try:
        events.link.wait_up(10)
        time.sleep(0.5)
        assert presses == []
        home.publish(f"tvradar/{device}/press", b"PRESS").result(5)
        until(lambda: presses == [None])
    finally:
        events.close()
        home.publish(f"tvradar/{device}/press", b"", retain=True).result(5)
