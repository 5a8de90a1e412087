"""The command `demo`: a gallery and a film, a running device, and a release on its way to it."""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge.cli.console import err, graceful_stop, out
from edge.cli.run import NOTICE, NOTICE_OWN
from edge.config import RecogniseConfig, RunConfig, ServeConfig
from edge.demo.material import gallery_of
from edge.errors import ToolMissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.demo.panel import Panel
    from edge.demo.stranger import StrangerShow
    from edge.device.app import App
    from edge.recognise.scene import Scene
    from edge.testbed.local_cloud import Channel, LocalBroker
    from gallery.channel.status import Status

PORTS = 20
"""The next one that is free is looked for among so many."""


def run_demo(
    *,
    seconds: float | None,
    browser: bool,
    port: int,
    video: Path | None,
    people: Path | None,
) -> None:
    """Set up a gallery and a programme, run the device on them, and open the page."""
    if (video is None) != (people is None):
        raise UsageError("--video and --people: give both for your own film, or none")
    if video is not None and not video.is_file():
        raise UsageError(f"{video}: no such file, expected a video")
    port = free_port(port)
    with (
        graceful_stop() as stop,
        tempfile.TemporaryDirectory(prefix="tvradar-demo-") as scratch,
        _own_film(video, people, Path(scratch), port)
        if video is not None and people is not None
        else _programme(Path(scratch), port) as (app, page),
    ):
        out.print(f"overlay at {app.server.url} — press R there; Ctrl-C ends", markup=False)
        if page:
            out.print(f"publish a stranger at {app.server.url}{page}", markup=False)
        if browser:
            import webbrowser  # noqa: PLC0415

            if not webbrowser.open(app.server.url + page):
                out.print("no browser could be opened here: open the address yourself")
        app.wait(stop, seconds)


def free_port(wanted: int) -> int:
    """Return this port of loopback, or the next one that is free, and say which."""
    for port in range(wanted, min(wanted + PORTS, 65536)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port != wanted:
                out.print(f"port {wanted} is taken: {port} instead", markup=False)
            return port
    return wanted  # whoever listens says what is wrong


def _config(video: Path, port: int, heartbeat: str = "") -> RunConfig:
    return RunConfig(
        source=str(video),
        loop=True,
        heartbeat=heartbeat,
        serve=ServeConfig(port=port, preview=True),
        recognise=RecogniseConfig(detect_every=2, long_side_px=640),
    )


def _tell_people(count: int, video: Path) -> None:
    out.print(f"{count} people enrolled, programme {video.name}", markup=False)


@contextmanager
def _own_film(video: Path, people: Path, scratch: Path, port: int) -> Iterator[tuple[App, str]]:
    """Run the device on the user's film, with a gallery that stays as it is."""
    from edge.demo.panel import OWN_FILM  # noqa: PLC0415
    from edge.device.app import App  # noqa: PLC0415

    with err.status("enrolling"):
        release = gallery_of(people, scratch / "gallery")
    app = App(_config(video, port), scratch / "gallery", notice=NOTICE_OWN, more=OWN_FILM)
    try:
        app.start()
        _tell_people(release.people_count, video)
        yield app, ""
    finally:
        app.close()


@contextmanager
def _programme(scratch: Path, port: int) -> Iterator[tuple[App, str]]:
    """Run the device on the composed programme; its gallery comes by a channel of its own."""
    from edge.demo.compose import prepare  # noqa: PLC0415
    from edge.demo.panel import Panel  # noqa: PLC0415
    from edge.device.app import App  # noqa: PLC0415
    from edge.testbed.local_cloud import Channel, Updater  # noqa: PLC0415
    from engines.files import cache_dir  # noqa: PLC0415

    material = prepare(cache_dir())
    cloud, heartbeat = scratch / "cloud" / "gallery", scratch / "heartbeat.json"
    with err.status("enrolling"):
        release = gallery_of(material.people_dir, cloud)
    panel = Panel()
    with ExitStack() as stack:
        broker, how = _broker(stack, scratch)
        channel = Channel(scratch / "cloud", broker)
        stack.callback(channel.close)
        channel.sign(cloud, probation_s=0)
        channel.send()
        heard = _Heard(panel)
        updater = Updater(channel, scratch / "device", heard, heartbeat)
        stack.callback(updater.close)
        with err.status("the updater fetches the first release"):
            updater.await_gallery()
        app = App(
            _config(material.video_path, port, str(heartbeat)),
            updater.gallery,
            notice=NOTICE,
            more=panel.routes(),
        )
        stack.callback(app.close)
        panel.show = _show(channel, cloud, app, material.truth_path, scratch, how)
        app.start()
        _tell_people(release.people_count, material.video_path)
        yield app, "demo"


def _broker(stack: ExitStack, scratch: Path) -> tuple[LocalBroker | None, str]:
    from edge.testbed.local_cloud import LocalBroker  # noqa: PLC0415

    try:
        broker = LocalBroker(scratch / "broker")
    except ToolMissingError as error:
        err.print(f"{error}; until then releases come through a folder", markup=False)
        return None, "through a folder, as from a USB stick, for want of mosquitto"
    stack.callback(broker.close)
    return broker, f"over MQTT: mosquitto at 127.0.0.1:{broker.port}"


class _Heard:
    """Hands the updater's statuses to the show, once there is one."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    def __call__(self, status: Status, heard_s: float) -> None:
        if self._panel.show is not None:
            self._panel.show.hear(status, heard_s)


class _Stage(NamedTuple):
    """The app as the show looks at it."""

    app: App

    def latest(self) -> Scene | None:
        return self.app.history.latest()

    def position_s(self, pts_s: float) -> float | None:
        return self.app.player.position_s(pts_s)

    def seek(self, to_s: float) -> None:
        self.app.player.seek(to_s)


def _show(
    channel: Channel, cloud: Path, app: App, truth: Path, scratch: Path, how: str
) -> StrangerShow:
    from edge.demo.programme import STRANGER  # noqa: PLC0415
    from edge.demo.stranger import (  # noqa: PLC0415
        StrangerShow,
        shot_of_stranger,
        write_stranger,
    )
    from engines.files import cache_dir  # noqa: PLC0415
    from gallery.store.person import read_person_file  # noqa: PLC0415

    folder = scratch / "cloud" / "stranger"
    text = resources.files("edge.demo").joinpath("people", f"{STRANGER}.toml")
    write_stranger(folder, cache_dir() / "demo" / "photographs", text)
    name = read_person_file(folder / STRANGER).names["en"]
    return StrangerShow(
        channel,
        cloud,
        lambda: _enrol(cloud, folder),
        name,
        _Stage(app),
        shot_of_stranger(truth.read_bytes()),
        how,
    )


def _enrol(gallery: Path, people: Path) -> None:
    """Add the people of a folder to a gallery, as `gallery add` does."""
    from gallery.enrol.enrolment import enrol_catalogue  # noqa: PLC0415
    from gallery.enrol.shards import ShardStore  # noqa: PLC0415
    from gallery.enrol.source import read_catalogue  # noqa: PLC0415
    from gallery.store import update  # noqa: PLC0415

    store = ShardStore.beside(gallery)
    update.add(gallery, enrol_catalogue(read_catalogue(str(people)).entries, store).entries())
    store.remove()
