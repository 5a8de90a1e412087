"""The programme with names, read back from where it was sent: RTSP players, an X display."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from edge.errors import BackendMissingError, SourceError
from edge.output.annotate import blend, make_plate
from edge.output.file import VideoWriteError
from edge.output.output import BurnedIn, open_writer
from edge.recognise.scene import Face, Scene
from edge.video.frame import Frame
from edge.video.open import open_source
from edge.video.source import SourceOptions
from tests.integration.conftest import TVRADAR
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.free import Free

pytestmark = [
    pytest.mark.usefixtures("gstreamer"),
    # PyGObject's own, before 3.44.
    pytest.mark.filterwarnings("ignore:DynamicImporter:ImportWarning"),
]
NAME, OTHER = "林曼 Wei Lin", "Barbara Oates"
HEIGHT, WIDTH = 360, 640
SCENE = Scene(0.0, 0, WIDTH, HEIGHT, 0, (Face(1, (250, 80, 370, 220), NAME, 0.7, None),), 1)


class Nobody:
    """A gallery that knows nobody, so that ids are drawn as they are."""

    def person(self, _person_id: str) -> None:
        return None

    def release(self) -> int:
        return 1


@contextmanager
def programme(uri: str) -> Iterator[BurnedIn]:
    """Send a grey programme with one name, 25 pictures a second."""
    bgr = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    stop, output = threading.Event(), BurnedIn(uri, Nobody())

    def send() -> None:
        index = 0
        while not stop.wait(0.04):
            output.take(Frame(bgr, index / 25, index, time.monotonic_ns()), SCENE)
            index += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield output
    finally:
        stop.set()
        thread.join(10)
        output.close()


def picture_of(uri: str, backend: str = "pyav", skip: int = 3) -> NDArray[np.uint8]:
    """Return one of the first pictures of a live source."""
    options = SourceOptions(backend=backend, open_timeout_s=5.0)  # type: ignore[arg-type]
    with open_source(uri, options=options) as source:
        for frame in source:
            if frame.index == skip:
                return frame.bgr
    raise AssertionError


def likeness(picture: NDArray[np.uint8], name: str) -> float:
    """Return how much the most similar place is like this name's plate: 1 is the same."""
    plate = make_plate(name, "named", max(1, round(picture.shape[0] / 360)))
    drawn = np.full((*plate.shape[:2], 3), 90, np.uint8)
    blend(drawn, plate, 0, 0)
    return float(cv2.matchTemplate(picture, drawn, cv2.TM_CCOEFF_NORMED).max())


def assert_shows_the_name(picture: NDArray[np.uint8]) -> None:
    assert likeness(picture, NAME) > 0.9
    assert likeness(picture, OTHER) < 0.8
    rest = picture[:60, :200]
    assert abs(float(rest.mean()) - 90) < 4, "the programme itself is there, unchanged"


def test_players_of_rtsp_see_the_name_and_may_come_and_go(network: Any) -> None:
    uri = f"rtsp://127.0.0.1:{network.free_port()}/names"
    with programme(uri) as output:
        # Again: a stream that nobody watches is ended, and made again for who comes next.
        for backend in ("pyav", "gstreamer", "pyav"):
            until(lambda: not output.wanted)
            assert_shows_the_name(picture_of(uri, backend))
        with open_source(uri) as first:
            frames = iter(first)
            next(frames)
            assert_shows_the_name(picture_of(uri))  # a second one beside it, who leaves first
            times = [next(frames).pts_s for _ in range(50)]
        steps = np.diff(times)
        assert np.all(steps > 0)
        assert 0.03 < float(np.median(steps)) < 0.05
        until(lambda: not output.wanted)
    with pytest.raises(SourceError):
        picture_of(uri)


def test_a_password_is_asked_for(network: Any) -> None:
    where = f"127.0.0.1:{network.free_port()}/live"
    with programme(f"rtsp://anna:let%20me@{where}") as output:
        until(lambda: not output.wanted)
        for user in ("", "anna:no@"):
            with pytest.raises(SourceError, match="user and password"):
                picture_of(f"rtsp://{user}{where}")
        assert_shows_the_name(picture_of(f"rtsp://anna:let%20me@{where}"))


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("rtsp://192.0.2.1:8554/live", "open to the network, expected a user and password"),
        ("rtsp://tv.example:8554/live", "open to the network"),
        ("rtsp://anna:secret@192.0.2.1:8554/live", r"anna:\*\*\*@192.0.2.1.*nobody can listen"),
        ("rtsp:///live", "expected rtsp://HOST:PORT/NAME"),
        ("rtsp://127.0.0.1:port/live", "expected rtsp://HOST:PORT/NAME"),
        ("display://x sync=true ! filesink", "expected display://"),
        ("udp://127.0.0.1:5000", "expected a file"),
    ],
)
def test_where_nothing_can_be_sent(uri: str, says: str) -> None:
    with pytest.raises(VideoWriteError, match=says) as error:
        open_writer(uri)
    assert error.value.exit_code == 2
    assert "secret" not in str(error.value)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"rtsp://127.0.0.1:{taken.getsockname()[1]}/live"
        with pytest.raises(VideoWriteError, match="nobody can listen there"):
            open_writer(uri)
    with closing(open_writer(uri)):
        pass
    with closing(open_writer(uri)):  # closing lets go of it
        pass


def test_a_sink_or_a_display_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(BackendMissingError, match="no sink nosuchsink"):
        open_writer("display://nosuchsink")
    if not os.path.exists("/dev/dri"):  # noqa: PTH110 - kmssink would take over a real screen
        with pytest.raises(BackendMissingError, match="no display that can be opened"):
            open_writer("display://")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run an X server without a screen; give its name."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no X server to show pictures on: apt-get install xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"]
    # It would start again whenever nobody is connected, and refuse who comes meanwhile.
    process = subprocess.Popen(
        [*command, "-noreset", "-nolisten", "tcp"], pass_fds=(write,), stderr=subprocess.DEVNULL
    )
    os.close(write)
    with os.fdopen(read) as number:
        name = f":{number.readline().strip()}"
    monkeypatch.setenv("DISPLAY", name)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    yield name
    process.send_signal(signal.SIGTERM)
    process.wait(10)


def test_a_display_shows_the_name_and_a_screen_is_read(display: str) -> None:
    from edge.video.sources.gstreamer import load_gst

    if load_gst("test").ElementFactory.find("ximagesink") is None:
        pytest.skip("GStreamer cannot show pictures in X: apt-get install gstreamer1.0-x")
    with programme("display://"):
        time.sleep(0.5)
        for uri, backend in (("screen:", "pyav"), (f"screen:{display}", "gstreamer")):
            until(lambda: picture_of(uri, backend).max() > 0)  # noqa: B023 - called at once
            picture = picture_of(uri, backend)
            assert picture.shape == (HEIGHT, WIDTH, 3)
            assert_shows_the_name(picture)


def test_the_service_sends_its_names(few: Path, free: Free, tmp_path: Path, network: Any) -> None:
    uri = f"rtsp://127.0.0.1:{network.free_port()}/live"
    config = tmp_path / "tvradar.toml"
    config.write_text(
        f'source = "{free.clip}"\ngallery = "{few}"\nloop = true\n'
        f'output = "{uri}"\n[serve]\nport = 0\n'
    )
    import gi

    # The same PyGObject as this process has, see the fixture `gstreamer`.
    (tmp_path / "for_run").mkdir()
    (tmp_path / "for_run" / "gi").symlink_to(Path(gi.__file__).parent)
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "for_run")}
    command = [str(TVRADAR), "run", "--config", str(config)]
    with (tmp_path / "err.txt").open("w") as err:
        process = subprocess.Popen(command, env=env, stderr=err)
    try:
        # The address opens with the first picture.
        until(lambda: _answers(uri) or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "err.txt").read_text()
        right = other = 0.0
        with open_source(uri) as source:
            for frame in source:
                right = max(right, likeness(frame.bgr, "barack obama"))
                other = max(other, likeness(frame.bgr, OTHER))
                if right > 0.85 or frame.index > 25 * 30:
                    break
        assert right > 0.85
        assert other < 0.7
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def _answers(uri: str) -> bool:
    try:
        with open_source(uri):
            return True
    except SourceError:
        time.sleep(0.2)
        return False
