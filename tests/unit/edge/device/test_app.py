"""The composition root with models, keys and sinks of a test's own: no network is loaded."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from edge.config import RecogniseConfig, RunConfig, ServeConfig
from edge.device.app import App
from edge.errors import EdgeError, UsageError
from engines.detections import Detections
from engines.embedder import Embedder
from engines.pipeline import FacePipeline
from gallery.channel.health import HeartbeatFile
from gallery.errors import GalleryMissingError
from gallery.store import store
from gallery.store.person import Person
from tests.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from edge.recognise.scene import Scene
    from edge.video.frame import Frame

MODEL = "sface-2021dec"
BOX = (220.0, 80.0, 420.0, 320.0)
LANDMARKS = ((272, 160), (368, 160), (320, 215), (282, 265), (358, 265))


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(128).astype(np.float32)
    return vector / np.linalg.norm(vector)


ADA = unit(1)


class Finder:
    """A detector that finds one face, until it breaks."""

    kind, long_side_px = "a test's", 0

    def __init__(self, breaks_at: int = 10**9) -> None:
        self.asked, self._breaks_at = 0, breaks_at

    def detect(self, _bgr: np.ndarray, **_options: Any) -> Detections:
        self.asked += 1
        if self.asked >= self._breaks_at:
            raise RuntimeError("the GPU fell off the bus")
        return Detections(
            np.array([BOX], np.float32),
            np.array([0.95], np.float32),
            np.array([LANDMARKS], np.float32),
        )


class Ada:
    """A network for which every face is Ada's."""

    kind = "a test's"

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = len(next(iter(inputs.values())))
        return {"fc1": np.tile(12 * ADA, (count, 1)).astype(np.float32)}

    def close(self) -> None:
        pass


class Halves:
    """A network for which bright faces are Ada from the front, and dark ones in profile."""

    kind = "a test's"
    frontal = 0.8 * ADA + 0.6 * unit(7)
    profile = 0.25 * ADA + 0.97 * (unit(7) + unit(8)) / 2**0.5

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        chips = next(iter(inputs.values()))
        rows = [self.frontal if float(chip.mean()) > 127 else self.profile for chip in chips]
        return {"fc1": np.stack([12 * row / np.linalg.norm(row) for row in rows])}

    def close(self) -> None:
        pass


class Models:
    """Loads the fake models, and counts how often it was asked to."""

    def __init__(self, finder: Finder | None = None, network: Ada | Halves | None = None) -> None:
        self.finder, self.network, self.loads = finder or Finder(), network or Ada(), 0

    def __call__(self, **_options: Any) -> FacePipeline:
        self.loads += 1
        return FacePipeline(self.finder, Embedder(self.network), MODEL, why="a test wants it")  # type: ignore[arg-type]


class Keys:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")


class Sink:
    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def take(self, _frame: Frame, scene: Scene) -> None:
        self.scenes.append(scene)


def write(path: Path, *pictures: np.ndarray) -> Path:
    """Write a film that shows each picture for two seconds."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for picture in pictures:
            for _ in range(50):
                target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        target.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    return write(tmp_path_factory.mktemp("film") / "noise.mp4", picture)


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    people = [Person("ada", {"en": "Ada Lovelace"}), Person("bob", {"en": "Bob"})]
    templates = np.stack([ADA, unit(2)])
    store.create_gallery(
        tmp_path / "gallery", people, templates, np.arange(2, dtype=np.int32), MODEL
    )
    return tmp_path / "gallery"


def config(film: Path, **fields: Any) -> RunConfig:
    return RunConfig(source=str(film), loop=True, serve=ServeConfig(port=0), **fields)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def app(film: Path, gallery: Path, sink: Sink, keys: Keys) -> Iterator[App]:
    made = App(
        config(film), gallery, sinks=[sink], load=Models(), keys=lambda _config, _presser: [keys]
    )
    made.start()
    yield made
    made.close()


def get(app: App, path: str) -> Any:
    with urllib.request.urlopen(app.server.url + path, timeout=5) as answer:
        return json.load(answer)


def test_a_face_becomes_a_name_for_page_sinks_and_presses(app: App, sink: Sink) -> None:
    until(lambda: any(f.get("id") == "ada" for f in get(app, "api/scene")["faces"]))
    assert any(f.id == "ada" for scene in sink.scenes for f in scene.faces)
    request = urllib.request.Request(app.server.url + "api/press", b"{}", method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert [p["id"] for p in json.load(answer)["people"]] == ["ada"]


def test_the_frontal_shot_names_the_profile_of_a_while_ago(
    tmp_path: Path, gallery: Path, sink: Sink
) -> None:
    dark = np.random.default_rng(0).integers(0, 120, (360, 640, 3), np.uint8)
    film = write(tmp_path / "halves.mp4", dark, dark + np.uint8(120))
    app = App(config(film), gallery, sinks=[sink], load=Models(network=Halves()))
    app.start()
    try:
        until(
            lambda: any(i["start_s"] < 0.5 for i in get(app, "api/people/ada/scenes")["intervals"])
        )
        first = [f.id for s in sink.scenes if s.pts_s < 1.9 for f in s.faces]
        assert first
        assert set(first) == {None}  # the profile by itself tells nothing
        metrics = urllib.request.urlopen(app.server.url + "metrics", timeout=5).read().decode()
    finally:
        app.close()
    assert 'tvradar_stage_seconds_count{stage="hindsight"}' in metrics


def test_the_status_says_what_runs_and_why(app: App) -> None:
    until(lambda: app.scenes)
    status = get(app, "api/status")
    assert status["engines"] == ["detector: a test's", "embedder: a test's"]
    assert (status["why"], status["release"]) == ("a test wants it", 1)
    assert status["scenes"] > 0
    assert status["picture_age_s"] < 5
    until(lambda: get(app, "api/status")["source"] == "playing")


def test_keys_begin_and_end_with_it(film: Path, gallery: Path, keys: Keys) -> None:
    app = App(config(film), gallery, load=Models(), keys=lambda _config, _presser: [keys])
    assert keys.calls == []
    app.start()
    begun = time.monotonic()
    app.close()
    assert keys.calls == ["start", "close"]
    assert time.monotonic() - begun < 5


def test_a_server_open_to_the_network_needs_a_token_before_anything_is_loaded(
    film: Path, gallery: Path
) -> None:
    models = Models()
    with pytest.raises(UsageError, match=r"serve\.host: 0\.0\.0\.0 .*expected a token"):
        App(
            RunConfig(source=str(film), serve=ServeConfig(host="0.0.0.0", port=0)),
            gallery,
            load=models,
        )
    assert models.loads == 0


def test_whom_of_the_cast_nobody_is_is_told(
    film: Path, gallery: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recognise = RecogniseConfig(cast=("ada", "eve"))
    app = App(config(film, recognise=recognise), gallery, load=Models())
    app.close()
    assert app.cast_unknown == ("eve",)
    assert "recognise.cast: nobody has these ids: eve" in caplog.text


def test_a_fault_of_recognition_ends_it_and_viewers_are_told(
    film: Path, gallery: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(config(film), gallery, load=Models(Finder(breaks_at=3)))
    app.start()
    try:
        with pytest.raises(EdgeError, match="fell off the bus"):
            app.wait(lambda: False, 20)
        assert b'"source":"lost","detail":"recognition failed"' in app.hub.state
    finally:
        app.close()
    assert "recognition ended" in caplog.text


def test_a_gallery_that_cannot_be_opened_is_told_to_the_updater(film: Path, tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat.json"
    with pytest.raises(GalleryMissingError):
        App(config(film, heartbeat=str(heartbeat)), tmp_path / "none", load=Models())
    told = HeartbeatFile(heartbeat).read()
    assert told is not None
    assert "none" in told.error
