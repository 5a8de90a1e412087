"""Galleries of the real people, enrolled once by the command line itself."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from engines.fetch import fetch
from tests.shared import alone_at, once
from tools.free_pictures import write_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.free import Free

TVRADAR = Path(sys.executable).parent / "tvradar"
ROOT = Path(__file__).resolve().parents[2]
HOST_GPU = Path(__file__).parent / "host_gpu"


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def tvradar(*words: object, timeout_s: float = 300, env: dict[str, str] | None = None) -> Ran:
    """Run the installed command."""
    return _run(TVRADAR, *words, timeout_s=timeout_s, env=env)


def tool(name: str, *words: object, timeout_s: float = 300) -> Ran:
    """Run a script of `tools/`."""
    return _run(sys.executable, ROOT / "tools" / name, *words, timeout_s=timeout_s)


def _run(*words: object, timeout_s: float, env: dict[str, str] | None = None) -> Ran:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        env=env,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def shorten(clip: Path, film: Path, frames: int) -> None:
    """Copy the first frames of a clip: every command is run, and none is measured."""
    with av.open(str(clip)) as source, av.open(str(film), "w") as target:
        video = source.streams.video[0]
        stream = target.add_stream_from_template(video)
        for number, packet in enumerate(source.demux(video)):
            if packet.dts is None or number == frames:
                break
            packet.stream = stream
            target.mux(packet)


@contextmanager
def running(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the service; give its process and its address, without a slash at the end."""
    process = subprocess.Popen(
        [str(TVRADAR), "run", "--config", str(config)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        url = re.search(r"http://[^\s/]+", process.stderr.readline())
        assert url
        yield process, url.group()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="session")
def few(free: Free) -> Path:
    """Return a gallery of the three people of the free photographs."""

    def enrol(folder: Path) -> None:
        ran = tvradar("gallery", "enrol", free.people, "-o", folder / "gallery")
        assert ran.code == 0, ran

    return once("few", enrol) / "gallery"


@pytest.fixture(scope="session")
def sitcom(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("sitcom") / "gallery"
    assert tvradar("gallery", "enrol", data_dir / "sitcom" / "portraits", "-o", gallery).code == 0
    return gallery


@pytest.fixture(scope="session")
def concert(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("concert") / "gallery"
    assert tvradar("gallery", "enrol", data_dir / "concert" / "portraits", "-o", gallery).code == 0
    return gallery


@pytest.fixture(scope="session")
def host_gpu() -> dict[str, str]:
    """Return an environment with a CUDA driver of host memory, for real cuda-python."""
    if importlib.util.find_spec("cuda") is None:
        pytest.skip('cuda-python is not installed; "pip install cuda-bindings" needs no driver')
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    flags = ["-O1", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=off", "-Wall"]

    def compile_in(folder: Path) -> None:
        target = ["-o", str(folder / "libcuda.so.1"), "-Wl,-soname,libcuda.so.1"]
        source = str(HOST_GPU / "host_driver.cpp")
        subprocess.run([compiler, *flags, *target, source, "-ldl"], check=True)

    return {
        **os.environ,
        "LD_LIBRARY_PATH": str(once("driver", compile_in)),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="session")
def host_tensorrt(host_gpu: dict[str, str]) -> dict[str, str]:
    """Return an environment with the driver and a TensorRT of host memory; no hardware."""
    return {**host_gpu, "PYTHONPATH": str(HOST_GPU)}


@pytest.fixture(scope="session")
def trtx() -> Path:
    """Return the folder of TensorRT-RTX; its 95 MB are fetched by one worker."""
    if os.environ.get("TVRADAR_SKIP_TRTX"):
        pytest.skip("TVRADAR_SKIP_TRTX is set")
    with alone_at("trtx"):
        ran = tool("trtx_gate.py", "--where")
    if ran.code == 77:
        pytest.skip(ran.out.strip())
    assert ran.code == 0, ran.err
    return Path(ran.out.strip())


def calibration_command(cache: Path, *words: object) -> tuple[list[str], dict[str, str]]:
    code = (
        "import sys; from edge.cli.calibrate import app\n"
        "try: app()\n"
        "except Exception as e: print(e, file=sys.stderr); sys.exit(getattr(e, 'exit_code', 1))"
    )
    command = [sys.executable, "-c", code, *map(str, words)]
    return command, {**os.environ, "TVRADAR_CACHE": str(cache)}


def calibrate(cache: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command, env = calibration_command(cache, *words)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def twelve_actors(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return twelve people with 16 pictures each: four calibrate, eight test."""
    root = tmp_path_factory.mktemp("people")
    for person in sorted((data_dir / "actors").iterdir())[:12]:
        (root / person.name).mkdir()
        for picture in sorted(person.iterdir())[:16]:
            shutil.copy(picture, root / person.name)
    return root


def fp32_models_in(root: Path) -> Path:
    """Make a folder a cache that has only the FP32 models, and return it."""
    (root / "models").mkdir()
    for name in ("sface", "yunet"):
        path = fetch(name)
        shutil.copy(path, root / "models")
    return root


@pytest.fixture(scope="session")
def fp32_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder that has only the FP32 models."""
    return fp32_models_in(tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="session")
def free_faces(free: Free) -> Path:
    """Return 112 pictures drawn from free photographs, others than what the recipes saw."""
    assert free.people.is_dir()  # else the photographs are not to be had, and it was skipped
    return once("faces", lambda folder: write_pictures(folder, 100, seed=1))


@pytest.fixture(scope="session")
def calibrated(free_faces: Path) -> tuple[Path, Any]:
    """Return a cache with an INT8 embedder of few free pictures, and what the gate said."""

    def make(folder: Path) -> None:
        done = calibrate(fp32_models_in(folder), "int8", "--images", free_faces, "--json")
        assert done.returncode in (0, 3), done.stderr
        (folder / "gate.json").write_text(done.stdout)

    cache = once("calibrated", make)
    return cache, json.loads((cache / "gate.json").read_text())


@pytest.fixture(scope="session")
def int8_cache(calibrated: tuple[Path, Any]) -> Path:
    """Both models in INT8: the detector that comes with tvradar, the embedder of free pictures."""

    def make(folder: Path) -> None:
        shutil.copytree(calibrated[0], folder, dirs_exist_ok=True)
        done = tvradar("engines", "fetch", env={**os.environ, "TVRADAR_CACHE": str(folder)})
        assert done.code == 0, done.err

    return once("int8", make)


@pytest.fixture(scope="session")
def actors_cache(twelve_actors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with an embedder that four actors calibrated, and the shipped detector."""
    root = fp32_models_in(tmp_path_factory.mktemp("actors"))
    done = calibrate(root, "int8", "--images", twelve_actors)
    assert done.returncode == 0, done.stderr
    made = tvradar("engines", "fetch", env={**os.environ, "TVRADAR_CACHE": str(root)})
    assert made.code == 0, made.err
    return root
