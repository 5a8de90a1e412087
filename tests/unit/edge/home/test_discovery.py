from __future__ import annotations

import msgspec

from edge.home.discovery import discovery


def test_home_assistant_is_told_of_a_sensor_and_a_button() -> None:
    told = {topic: msgspec.json.encode(entity).decode() for topic, entity in discovery("tv")}
    about = (
        '{"availability_topic":"tvradar/tv/events",'
        '"device":{"identifiers":["tvradar_tv"],"name":"tvradar tv"},'
    )
    assert told == {
        "homeassistant/sensor/tvradar_tv/scene/config": about
        + '"name":"on screen now","unique_id":"tvradar_tv_scene",'
        '"state_topic":"tvradar/tv/scene","value_template":"{{ value_json.names[:250] }}",'
        '"json_attributes_topic":"tvradar/tv/scene","expire_after":2,'
        '"icon":"mdi:television-guide"}',
        "homeassistant/button/tvradar_tv/press/config": about
        + '"name":"radar","unique_id":"tvradar_tv_press","command_topic":"tvradar/tv/press",'
        '"payload_press":"PRESS","icon":"mdi:radar"}',
    }
