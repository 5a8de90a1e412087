"""`engines build`, `run` and `identify` with TensorRT, by the installed command.

Not run on hardware: the driver and TensorRT are of host memory (`host_gpu/`); all between them and
the command line is real: cuda-python, the plan cache, the gate, the runtime's buffers, streams and
graphs, the choice, the service.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.free import Free
from tests.integration.conftest import TVRADAR, fp32_models_in, tvradar


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder that has only the FP32 models."""
    return fp32_models_in(tmp_path_factory.mktemp("cache"))


def build(env: dict[str, str], *words: object):
    fixed = ("--precision", "fp32", "--size", "640x384", "--json")
    return tvradar("engines", "build", *fixed, *words, env=env)


@pytest.fixture(scope="module")
def proven(models: Path, free_faces: Path, host_tensorrt: dict[str, str]) -> dict[str, str]:
    env = {**host_tensorrt, "TVRADAR_CACHE": str(models)}
    ran = build(env, "--images", free_faces)
    assert ran.code == 0, ran.err
    assert all(plan["gate"]["passed"] for plan in ran.json["plans"])
    assert {c["precision"] for c in ran.json["chosen"].values()} == {"fp32"}
    return env


@pytest.fixture(scope="module")
def drifted(
    proven: dict[str, str], free_faces: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """An embedder whose builder perturbed one weight tensor; the gate measures and refuses it."""
    root = tmp_path_factory.mktemp("drifted") / "cache"
    shutil.copytree(proven["TVRADAR_CACHE"], root)
    for path in (root / "plans").glob("sface*"):
        path.unlink()
    env = {**proven, "TVRADAR_CACHE": str(root)}
    ran = build({**env, "HOST_TENSORRT_DRIFT": "sface"}, "--images", free_faces)
    assert ran.code == 3
    assert ran.json["chosen"]["yunet"]["precision"] == "fp32"
    assert ran.json["chosen"]["sface"] is None
    (gate,) = (p["gate"] for p in ran.json["plans"] if p["key"]["model"] == "sface-2021dec")
    assert not gate["passed"]
    assert gate["figures"]["cosine.mean"] < 0.995
    return env


def test_engines_on_a_gpu_give_the_names_that_the_cpu_gives(
    proven: dict[str, str], few: Path, free: Free
) -> None:
    words = ("identify", free.clip, "--gallery", few, "--json", "--seconds", "3")
    gpu = tvradar(*words, env=proven)
    cpu = tvradar(*words, "--backend", "onnxruntime", env=proven)
    assert gpu.code == cpu.code == 0, gpu.err
    assert gpu.json["engines"] == ["detector: tensorrt fp32", "embedder: tensorrt fp32"]
    assert gpu.json["engines_why"] == "TensorRT: engines built for Host, through cuda-python"
    assert cpu.json["engines"] == ["detector: onnxruntime fp32", "embedder: onnxruntime fp32"]
    named = [[(f["frame"], f["id"], f["why"]) for f in ran.json["faces"]] for ran in (gpu, cpu)]
    assert named[0] == named[1]
    assert gpu.json["people"]


def test_doctor_tells_the_gpu_and_what_was_built_for_it(
    proven: dict[str, str], drifted: dict[str, str]
) -> None:
    def told(env: dict[str, str]) -> dict[str, dict[str, str]]:
        ran = tvradar("doctor", "--json", env=env)
        assert ran.code == 0, ran.err
        return {f["subject"]: f for f in ran.json["findings"]}

    found = told(proven)
    assert found["GPU"]["found"].startswith("Host, compute capability ")
    assert found["GPU"]["found"].endswith("through cuda-python")
    named = ("tensorrt", "GPU", "engine yunet", "engine sface")
    assert {found[subject]["state"] for subject in named} == {"ok"}
    assert found["engine sface"]["found"].startswith("fp32, proven, for Host")
    refused = told(drifted)["engine sface"]
    assert refused["state"] != "ok"
    assert "cosine mean" in refused["found"]
    assert "--unverified" in refused["remedy"] or "engines build" in refused["remedy"]


@contextmanager
def service(env: dict[str, str], *words: object) -> Iterator[httpx.Client]:
    command = [str(TVRADAR), "run", "--port", "0", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    assert process.stderr
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        url = re.search(r"overlay at (http://\S+)", line)
        if url:
            break
    else:
        pytest.fail("".join(lines))
    try:
        with httpx.Client(base_url=url[1]) as client:
            deadline = time.monotonic() + 40
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.stderr.read()
        process.stderr.close()
        assert process.wait(20) == 0


def test_run_takes_the_engines_and_names_people(
    proven: dict[str, str], few: Path, free: Free
) -> None:
    with service(proven, "--source", free.clip, "--gallery", few) as client:
        status = client.get("/api/status").json()
        assert status["engines"] == ["detector: tensorrt fp32", "embedder: tensorrt fp32"]
        deadline = time.monotonic() + 30
        while not client.post("/api/press").json()["people"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert 'tvradar_engine_info{kind="embedder: tensorrt fp32"' in client.get("/metrics").text


@pytest.mark.parametrize("command", ["run", "identify"])
def test_a_drifted_engine_is_refused_with_three_and_the_figures(
    drifted: dict[str, str], few: Path, free: Free, command: str
) -> None:
    words = ("run", "--port", "0", "--source") if command == "run" else ("identify",)
    ran = tvradar(*words, free.clip, "--gallery", few, "--backend", "tensorrt", env=drifted)
    assert ran.code == 3
    assert re.search(r"the parity gate refused it \(.*cosine mean -?0\.\d+", ran.err)
    assert "--unverified" in ran.err
    assert "Traceback" not in ran.err


def test_auto_leaves_a_drifted_engine_and_says_so(
    drifted: dict[str, str], few: Path, free: Free
) -> None:
    with service(drifted, "--source", free.clip, "--gallery", few) as client:
        status = client.get("/api/status").json()
    assert status["engines"] == ["detector: onnxruntime fp32", "embedder: onnxruntime fp32"]
    assert re.match(r"TensorRT: refused: sface-.*cosine mean", status["why"])


def test_an_unverified_engine_says_so_in_the_status(
    drifted: dict[str, str], few: Path, free: Free
) -> None:
    with service(drifted, "--source", free.clip, "--gallery", few, "--unverified") as client:
        status = client.get("/api/status").json()
    assert status["engines"] == ["detector: tensorrt fp32", "embedder: tensorrt fp32 unverified"]


def test_a_plan_of_another_tensorrt_is_not_used(
    proven: dict[str, str], few: Path, free: Free, tmp_path: Path
) -> None:
    root = tmp_path / "cache"
    shutil.copytree(proven["TVRADAR_CACHE"], root)
    for path in (root / "plans").glob("*.json"):
        record = json.loads(path.read_text())
        record["key"]["tensorrt"] = "10.16.1.11"
        path.write_text(json.dumps(record))
    env = {**proven, "TVRADAR_CACHE": str(root)}
    words = (free.clip, "--gallery", few, "--backend", "tensorrt")
    ran = tvradar("identify", *words, env=env)
    assert ran.code == 3
    assert "built for" in ran.err
    assert "engines build" in ran.err


def test_rtx_is_asked_for_by_name_and_has_plans_of_its_own(
    models: Path, host_tensorrt: dict[str, str], few: Path, free: Free, tmp_path: Path
) -> None:
    shutil.copytree(models / "models", tmp_path / "models")
    env = {**host_tensorrt, "TVRADAR_CACHE": str(tmp_path)}
    words = ("identify", free.clip, "-g", few, "--json", "--seconds", "1", "--unverified")
    asked = (*words, "--backend", "tensorrt-rtx")
    refused = tvradar(*asked, env=env)
    assert refused.code == 3
    assert '"tvradar engines build --backend tensorrt-rtx"' in refused.err
    built = build(env, "--backend", "tensorrt-rtx")
    assert {plan["key"]["tensorrt"] for plan in built.json["plans"]} == {"1.7.1.116"}
    ran = tvradar(*asked, env=env)
    assert ran.json["engines"] == [
        "detector: tensorrt-rtx fp32 unverified",
        "embedder: tensorrt-rtx fp32 unverified",
    ]
    assert tvradar(*words, "--backend", "tensorrt", env=env).code == 3
