"""Each thread of ours is killed in a running device: it works on, or it ends with a code."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from edge.demo.material import gallery_of
from gallery.store import update
from tests.integration.demo_process import material
from tests.polling import until, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sync.conftest import World

PROGRAM = Path(__file__).with_name("killing_threads.py")


class Device:
    def __init__(self, process: subprocess.Popen[str], url: str, gallery: Path) -> None:
        self.process, self.url, self.gallery = process, url, gallery

    def kill(self, thread: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(thread + "\n")
        self.process.stdin.flush()

    def metric(self, name: str) -> float:
        try:
            text = httpx.get(self.url + "metrics").text
        except httpx.HTTPError:
            return 0.0
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def restarted(self, thread: str) -> bool:
        return self.metric(f'tvradar_thread_restarts_total{{thread="{thread}"}}') >= 1


@contextmanager
def running(tmp_path: Path, more: str) -> Iterator[Device]:
    gallery_of(material().people_dir, tmp_path / "gallery")
    config = tmp_path / "tvradar.toml"
    config.write_text(
        f'source = "{material().video_path}"\ngallery = "{tmp_path}/gallery"\nloop = true\n'
        f"[serve]\nport = 0\n{more}"
    )
    command = [sys.executable, str(PROGRAM), "run", "--config", str(config)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:

            def url() -> str:
                assert process.poll() is None, (tmp_path / "log").read_text()
                found = re.search(r"http://[^\s/]+/", (tmp_path / "log").read_text())
                return found[0] if found else ""

            until(url, 40)
            device = Device(process, url(), tmp_path / "gallery")
            until(lambda: device.metric("tvradar_frames_total") > 3)
            yield device
        finally:
            process.kill()


def test_threads_that_can_be_begun_anew_are(world: World, tmp_path: Path) -> None:
    name = "killed" + world.prefix
    home = world.connect("home-killed" + world.prefix)
    answers: list[bytes] = []
    home.handle(f"tvradar/{name}/answer", lambda message: answers.append(message[1]))
    events = f'[events]\nbroker = "{world.uri}"\ndevice = "{name}"\n[buttons]\ndevice = "auto"\n'
    with running(tmp_path, events) as device:

        def answered() -> bool:
            before = len(answers)
            home.publish(f"tvradar/{name}/press", b"PRESS").result(5)
            return bool(within(1, lambda: len(answers) > before))

        def killed(thread: str) -> bool:
            # Python drops what is raised into a thread while it is in a finaliser: tried again.
            device.kill(thread)
            return bool(within(6, lambda: (answered() or True) and device.restarted(thread)))

        until(answered)
        for thread in ("mqtt-presses", "mqtt-link", "evdev", "http", "gallery-watcher"):
            assert any(killed(thread) for _ in range(4)), thread
            assert within(20, answered), thread
        update.apply(device.gallery, None, {"joe_biden"})
        until(lambda: device.metric("tvradar_gallery_release") == 2)
        assert device.process.poll() is None
        log = (tmp_path / "log").read_text()
        assert "thread gallery-watcher died of Killed(); restarted in 0.5 s" in log
        device.process.terminate()
        assert device.process.wait(5) == 0


@pytest.mark.parametrize("thread", ["recognise", "video"])
def test_threads_that_cannot_end_the_process_with_a_code(thread: str, tmp_path: Path) -> None:
    with running(tmp_path, "") as device:
        device.kill(thread)
        assert device.process.wait(15) == 1
        assert "Killed()" in (tmp_path / "log").read_text()
