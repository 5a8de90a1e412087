"""Kill -9 in the middle of a real build (TensorRT-RTX parser and builder, SM86): it resumes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BUILDER = """
import json, sys
sys.path.insert(0, "tools")
import trtx_gate
from engines.tensorrt.bindings import use_rtx
use_rtx()
from pathlib import Path
from engines.tensorrt import provision
from engines.tensorrt.build import BuildOptions
from engines.tensorrt.plan_cache import PlanCache

class Steps:
    def start(self, phase, parent, steps): print("phase", phase, flush=True)
    def step(self, phase, done): return True
    def finish(self, phase): pass

folder = Path(sys.argv[1])
cache = PlanCache(folder)
options = BuildOptions(timing_cache=folder / "timing.cache")
platform = provision.Platform("1.7.1", "8.6", "none", "")
done = []
with cache.lock():
    for name in ("yunet", "sface"):
        one = provision.candidate(name, "fp32")
        key = provision.plan_key(one, platform, options, provision.profiles_of(name))
        record, built = provision.ensure_plan(
            cache, key, one.onnx_path, options, progress=Steps(), target=trtx_gate.sm86
        )
        print("plan", key.name, built, flush=True)
        done.append([name, built, record.plan_bytes])
print(json.dumps(done))
"""


@pytest.fixture(scope="module")
def environment(trtx: Path) -> dict[str, str]:
    paths = [str(ROOT), str(trtx)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILDER, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


@pytest.mark.parametrize("moment", ["phase Optimizing graph", "plan yunet", "phase Timing tactics"])
def test_a_killed_build_leaves_nothing_half_and_resumes(
    tmp_path: Path, environment: dict[str, str], moment: str
) -> None:
    with start(tmp_path, environment) as child:
        assert child.stdout is not None
        try:
            assert any(line.startswith(moment) for line in child.stdout)
            if moment == "plan yunet":
                time.sleep(0.2)  # into the second build
        finally:
            child.send_signal(signal.SIGKILL)
    left = {p.name for p in tmp_path.iterdir() if not p.name.startswith(".")}
    finished = sorted(name for name in left if name.endswith(".plan"))
    assert len(finished) == (1 if moment == "plan yunet" else 0)

    again = start(tmp_path, environment)
    output, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    result = json.loads(output.splitlines()[-1])
    resumed = moment == "plan yunet"
    assert [(name, built) for name, built, _ in result] == [("yunet", not resumed), ("sface", True)]
    assert {p.suffix for p in tmp_path.glob("*-2*")} == {".plan", ".json"}
    assert len(list(tmp_path.glob("*.plan"))) == 2
    assert not list(tmp_path.glob(".*.plan.*"))
