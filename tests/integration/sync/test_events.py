"""Scenes, presses and answers at the home's broker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from edge.demo.material import gallery_of
from edge.home.events import MqttEvents
from edge.recognise.answer import Answer
from edge.recognise.scene import Face, Scene
from gallery.channel.broker import Broker
from tests.integration.demo_process import material
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.sync.conftest import World


def face(person: str | None) -> Face:
    return Face(1, (0, 0, 9, 9), person, 0.6, None if person else "below_threshold")


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
        config = f"sensor/tvradar_{device}/scene/config"
        sensor = json.loads(world.get(config, "homeassistant") or b"{}")
        assert sensor["name"] == "on screen now"
        assert sensor["expire_after"] == 2
        for payload in (b"PRESS", b'{"release": 9}', b"x" * 1000, b'{"at": 3.5}'):
            home.publish(f"tvradar/{device}/press", payload).result(5)
            time.sleep(0.25)
        until(lambda: len(presses) == 2)
        assert presses == [None, 3.5]
        assert events.ignored == 2
        events.answer(Answer(press=1, pts_s=3.5, refined=False, people=(), texts=("Ana Ruiz",)))
        until(lambda: answers)
        assert json.loads(answers[0])["texts"] == []  # what a caption says stays on the device
    finally:
        events.close()
    assert world.get(f"{device}/events", "tvradar") == b"offline"


def test_a_title_is_heard_also_where_it_was_told_before(world: World) -> None:
    """A retained title counts at a new start; what is none reaches the one who reads it whole."""
    device = "tv" + world.prefix
    home = world.connect("home" + world.prefix)
    home.publish(f"tvradar/{device}/title", b'{"title": "Film"}', retain=True).result(5)
    titles: list[bytes] = []
    events = MqttEvents(
        world.broker, device, lambda _: None, on_title=titles.append, backoff_base_s=0.1
    )
    events.start()
    try:
        until(lambda: titles == [b'{"title": "Film"}'])
        home.publish(f"tvradar/{device}/title", b"{").result(5)
        until(lambda: titles[1:] == [b"{"])
    finally:
        events.close()
        home.publish(f"tvradar/{device}/title", b"", retain=True).result(5)


class Scenes:
    """What somebody hears who listens all the time, and what the broker keeps for others."""

    def __init__(self, world: World, device: str, options: str = "") -> None:
        self.now = 100.0
        self._world, self._topic = world, f"{device}/scene"
        self.messages: list[dict] = []
        self.moments: list[float] = []
        self.payloads: set[bytes] = set()
        world.connect("listener-" + device).handle(f"tvradar/{self._topic}", self._hear)
        broker = Broker.from_uri(world.uri + options)
        self.events = MqttEvents(
            broker, device, lambda _: None, backoff_base_s=0.1, clock=lambda: self.now
        )

    def _hear(self, message: tuple[str, bytes]) -> None:
        self.messages.append(json.loads(message[1]))
        self.moments.append(time.monotonic())
        self.payloads.add(message[1])

    def show(self, pts_s: float, *faces: Face) -> None:
        self.events.scene(Scene(pts_s, 25, 640, 360, 0, faces, 7), lambda _: "Lin", self.now)

    def last(self) -> str:
        return self.messages[-1]["names"] if self.messages else ""

    def kept(self) -> str:
        payload = self._world.get(self._topic, "tvradar")
        return json.loads(payload)["names"] if payload else ""


def test_a_scene_is_told_again_and_again_and_no_longer_than_it_is_true(world: World) -> None:
    scenes = Scenes(world, "tv" + world.prefix)
    scenes.events.start()
    try:
        until(lambda: scenes.last() == "nobody known")  # of the run before
        assert scenes.messages[-1]["picture"] is False
        scenes.show(1.0, face("lin"), face(None))
        until(lambda: scenes.last() == "Lin")
        assert (scenes.messages[-1]["unknown"], scenes.messages[-1]["pts_s"]) == (1, 1.0)
        assert "box" not in json.dumps(scenes.messages[-1])
        assert scenes.kept() == "Lin"
        first = len(scenes.messages)
        scenes.show(
            2.0, face("lin"), face(None)
        )  # nobody came, nobody left: byte for byte the same
        until(lambda: len(scenes.messages) >= first + 3)
        assert len(scenes.payloads) == 2
        assert max(b - a for a, b in pairwise(scenes.moments[first - 1 :])) < 1.0
        scenes.show(3.0)
        until(lambda: scenes.last() == "nobody known")
        assert scenes.messages[-1]["picture"] is True
        scenes.show(4.0, face("lin"))
        until(lambda: scenes.last() == "Lin")
        scenes.now += 2  # and no picture since
        until(lambda: scenes.last() == "nobody known", 1.0)
        assert scenes.kept() == "nobody known"
        scenes.show(5.0, face("lin"))
        until(lambda: scenes.last() == "Lin")
    finally:
        scenes.events.close()
    until(lambda: scenes.last() == "nobody known")
    assert scenes.kept() == "nobody known"


def test_an_older_broker_keeps_no_name(world: World) -> None:
    """MQTT 3.1.1 cannot let a retained message expire, so that it is not retained there."""
    device = "old" + world.prefix
    left = b'{"pts_s": 1, "names": "Eve", "people": [], "unknown": 0, "release": 1}'
    world.link.publish(f"tvradar/{device}/scene", left, retain=True).result(5)
    scenes = Scenes(world, device, "?protocol=4")
    scenes.events.start()
    try:
        until(lambda: scenes.last() == "nobody known")
        scenes.show(1.0, face("lin"))
        until(lambda: scenes.last() == "Lin")
        kept = world.get(f"{device}/scene", "tvradar")  # what is kept comes before what is sent
        assert kept
        assert json.loads(kept)["names"] == "nobody known"
    finally:
        scenes.events.close()


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
    scenes: list[dict] = []
    home.handle(f"tvradar/{device}/scene", lambda m: scenes.append(json.loads(m[1])))
    online: list[bytes] = []
    home.handle(f"tvradar/{device}/events", lambda m: online.append(m[1]))
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until(lambda: online == [b"online"])

        def somebody() -> bool:
            home.publish(f"tvradar/{device}/press", b"PRESS").result(5)
            time.sleep(0.3)
            return any(answer["people"] for answer in answers)

        until(somebody)
        first = next(answer for answer in answers if answer["people"])
        assert first["people"][0]["names"]["en"] == "Eileen Collins"
        number = first["press"]
        until(lambda: any(a["press"] == number and a["refined"] for a in answers))
        until(lambda: scenes and "Eileen Collins" in scenes[-1]["names"])
        assert scenes[-1]["release"] == 1
    finally:
        process.kill()
        process.wait()
    until(lambda: online == [b"online", b"offline"])
    until(lambda: scenes[-1]["people"] == [])
