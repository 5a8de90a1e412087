"""Scenes, presses and answers at the home's broker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from edge.demo.material import gallery_of
from edge.home.events import MqttEvents
from edge.recognise.answer import Answer
from edge.recognise.scene import Face, Scene
from tests.integration.demo_process import material

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.sync.conftest import World


def face(person: str | None) -> Face:
    return Face(1, (0, 0, 9, 9), person, 0.6, None if person else "below_threshold")


def wait_for(condition, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def test_scenes_presses_and_answers(world: World) -> None:
    device = "tv" + world.prefix
    presses: list[float | None] = []
    events = MqttEvents(world.broker, device, presses.append, discovery=True, backoff_base_s=0.1)
    answers: list[bytes] = []
    home = world.connect("home" + world.prefix)
    home.handle(f"tvradar/{device}/answer", lambda message: answers.append(message[1]))
    events.start()
    try:
        events.link.wait_up(10)
        scene = Scene(1.0, 25, 640, 360, 0, (face("lin"), face(None)), 7)
        assert events.scene(scene, lambda _: "Lin")
        assert not events.scene(scene, lambda _: "Lin")  # nothing changed
        told = json.loads(world.get(f"{device}/scene", "tvradar") or b"{}")
        assert told["names"] == "Lin"
        assert told["unknown"] == 1
        assert "box" not in json.dumps(told)
        config = f"sensor/tvradar_{device}/scene/config"
        assert json.loads(world.get(config, "homeassistant") or b"{}")["name"] == "on screen now"
        for payload in (b"PRESS", b'{"release": 9}', b"x" * 1000, b'{"at": 3.5}'):
            home.publish(f"tvradar/{device}/press", payload).result(5)
            time.sleep(0.25)
        assert wait_for(lambda: len(presses) == 2)
        assert presses == [None, 3.5]
        assert events.ignored == 2
        events.answer(Answer(press=1, pts_s=3.5, refined=False, people=()))
        assert wait_for(lambda: answers)
    finally:
        events.close()
    assert world.get(f"{device}/events", "tvradar") == b"offline"


def test_a_running_device_answers_a_press_and_its_will_says_that_it_died(
    world: World, tmp_path: Path
) -> None:
    """`tvradar run` on the demonstration's film, with a broker in its configuration."""
    gallery_of(material().people_dir, tmp_path / "gallery")
    device = "run" + world.prefix
    config = tmp_path / "tvradar.toml"
    config.write_text(
        f'source = "{material().video_path}"\ngallery = "{tmp_path}/gallery"\n[serve]\nport = 0\n'
        f'[events]\nbroker = "{world.uri}"\ndevice = "{device}"\n'
    )
    answers: list[dict] = []
    home = world.connect("home2" + world.prefix)
    home.handle(f"tvradar/{device}/answer", lambda m: answers.append(json.loads(m[1])))
    online: list[bytes] = []
    home.handle(f"tvradar/{device}/events", lambda m: online.append(m[1]))
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert wait_for(lambda: online == [b"online"], 20)

        def somebody() -> bool:
            home.publish(f"tvradar/{device}/press", b"PRESS").result(5)
            time.sleep(0.3)
            return any(answer["people"] for answer in answers)

        assert wait_for(somebody, 20)
        first = next(answer for answer in answers if answer["people"])
        assert first["people"][0]["names"]["en"] == "Eileen Collins"
        number = first["press"]
        assert wait_for(lambda: any(a["press"] == number and a["refined"] for a in answers))
        told = json.loads(world.get(f"{device}/scene", "tvradar") or b"{}")
        assert told["release"] == 1
        assert "Eileen Collins" in told["names"]
    finally:
        process.kill()
        process.wait()
    assert wait_for(lambda: online == [b"online", b"offline"])
