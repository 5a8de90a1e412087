"""The service as a whole, on a real clip: names, presses, a new gallery under way, a clean end."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gallery.channel.status import Status, StatusFile
from tests.free import STAR, Free
from tests.integration.conftest import running, tvradar
from tests.polling import until


@pytest.fixture
def gallery(free: Free, tmp_path: Path) -> Path:
    assert tvradar("gallery", "enrol", free.people, "-o", tmp_path / "gallery").code == 0
    return tmp_path / "gallery"


@pytest.fixture
def service(gallery: Path, free: Free, tmp_path: Path) -> Iterator[tuple]:
    config = tmp_path / "tvradar.toml"
    config.write_text(
        f'source = "{free.clip}"\ngallery = "{gallery}"\nloop = true\n'
        f'heartbeat = "{tmp_path}/pulse.json"\nsync_status = "{tmp_path}/status.json"\n'
        "[serve]\nport = 0\n[recognise]\ndetect_every = 2\n"
    )
    with running(config) as (process, url), httpx.Client(base_url=url) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield process, client


def test_names_presses_swaps_the_gallery_and_ends(service, gallery: Path, tmp_path: Path) -> None:
    process, client = service

    def people() -> set[str]:
        return {p["id"] for p in client.post("/api/press").json()["people"]}

    until(lambda: STAR in people())
    ran = tvradar("press", "--url", client.base_url, "--json")
    assert ran.code == 0
    assert ran.json["refined"] is False
    pulse = json.loads((tmp_path / "pulse.json").read_text())
    assert (pulse["release"], pulse["starts"], pulse["error"]) == (1, 1, "")

    assert tvradar("gallery", "remove", gallery, STAR).code == 0
    until(lambda: "tvradar_gallery_release 2.0" in client.get("/metrics").text)
    scene = until(lambda: client.get("/api/scene").json())
    for _ in range(20):
        scene = client.get("/api/scene").json()
        assert scene["release"] == 2
        assert STAR not in {f.get("id") for f in scene["faces"]}
        time.sleep(0.1)
    until(lambda: json.loads((tmp_path / "pulse.json").read_text())["release"] == 2)
    metrics = client.get("/metrics").text
    assert 'tvradar_stage_seconds_count{stage="detect"}' in metrics
    made = next(line for line in metrics.splitlines() if line.startswith("tvradar_gallery_created"))
    assert 0 < time.time() - float(made.split()[1]) < 600
    assert "tvradar_sync_up 0.0" in metrics
    status = Status("tv", release=2, wanted=3, phase="fetch", error="no", refusals=4)
    told = StatusFile(tmp_path / "status.json")
    told.write(status)
    metrics = client.get("/metrics").text
    for line in (
        "tvradar_sync_up 1.0",
        "tvradar_sync_wanted_release 3.0",
        "tvradar_sync_failing 1.0",
        'tvradar_sync_phase{phase="fetch"} 1.0',
        "tvradar_sync_refusals_total 4.0",
    ):
        assert line in metrics
    assert 'tvradar_engine_info{kind="embedder: onnxruntime fp32",why="' in metrics
    told.close()
    assert "tvradar_sync_up 0.0" in client.get("/metrics").text
    status = client.get("/api/status").json()
    assert status["engines"][0].startswith("detector: onnxruntime ")
    assert status["why"].startswith("TensorRT: not available: ")
    assert status["source"] == "playing"

    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_wrong_key_in_the_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[serve]\nprot = 80\n")
    ran = tvradar("run", "--config", tmp_path / "c.toml")
    assert ran.code == 2
    assert "prot" in ran.err
    (tmp_path / "c.toml").write_text("[recognise]\nfpir = 2.0\n")
    ran = tvradar("run", "--config", tmp_path / "c.toml")
    assert ran.code == 2
    assert "fpir" in ran.err


def test_open_to_the_network_needs_a_token(gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        f'source = "none.mp4"\ngallery = "{gallery}"\n[serve]\nhost = "0.0.0.0"\n'
    )
    ran = tvradar("run", "--config", tmp_path / "c.toml")
    assert ran.code == 2
    assert "token" in ran.err


def test_a_missing_source_ends_with_its_error(gallery: Path, tmp_path: Path) -> None:
    ran = tvradar("run", "--source", tmp_path / "no.mp4", "--gallery", gallery, "--port", "0")
    assert ran.code == 2
    assert "no.mp4" in ran.err
    assert "Traceback" not in ran.err


def test_the_demo_runs_on_ones_own_film_and_ends_by_itself(free: Free) -> None:
    ran = tvradar(
        *("demo", "--no-browser", "--port", "0", "--seconds", "4"),
        *("--video", free.clip),
        *("--people", free.people),
    )
    assert ran.code == 0, ran
    assert "3 people enrolled" in ran.out
    refused = tvradar("demo", "--no-browser", "--video", "film.mp4")
    assert refused.code == 2
