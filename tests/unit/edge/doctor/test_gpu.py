"""What `doctor` says of INT8 files and of what makes a Jetson fast, where it is and where not."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from edge.cli.doctor import print_findings
from edge.doctor.checks import NVIDIA_DRIVER, examine
from edge.doctor.gpu import int8_files, jetson_utils
from edge.errors import BackendMissingError
from edge.video.open import open_source
from engines.int8_files import Verdict, artefact_path, make_current, verdict_path

if TYPE_CHECKING:
    from pathlib import Path

REAL = "def videoSource(): ...\ndef cudaToNumpy(): ...\n"


def test_int8_files_are_told_with_what_the_gate_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    path = artefact_path("sface-2021dec", "k")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"graph")
    make_current("sface-2021dec", path)

    def said() -> dict[str, tuple[str, str]]:
        return {look.subject: (look.found, look.remedy) for look in int8_files()}

    def judged(*failures: str) -> None:
        digest = hashlib.sha256(b"graph").hexdigest()
        verdict = Verdict(file_sha256=digest, passed=not failures, failures=failures, figures={})
        verdict_path(path).write_bytes(msgspec.json.encode(verdict))

    make = 'run "tvradar calibrate int8 --model {} --images PEOPLE"'
    assert said()["INT8 yunet"] == ("not calibrated, FP32 runs", make.format("yunet"))
    never = ("never ran the parity gate, FP32 runs", make.format("sface"))
    assert said()["INT8 sface"] == never
    judged("cosine mean 0.9, at least 0.995")
    assert "cosine mean 0.9" in said()["INT8 sface"][0]
    judged()
    assert said()["INT8 sface"] == (f"passed the parity gate, {path.name}", "")
    path.write_bytes(b"other")
    assert "changed" in said()["INT8 sface"][0]


@pytest.mark.parametrize(
    ("code", "found", "remedy"),
    [
        (REAL, "here, for camera", ""),
        ("def describe(): ...\n", "unrelated", "pip uninstall"),
        ("import libcudart_of_a_jetson\n", "cannot be imported", "build dusty-nv"),
        (None, "not here", "build dusty-nv"),
    ],
)
def test_the_right_jetson_utils_is_told_from_the_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str | None, found: str, remedy: str
) -> None:
    if code is not None:
        (tmp_path / "jetson_utils.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "jetson_utils", raising=False)
    look = jetson_utils()
    sys.modules.pop("jetson_utils", None)
    assert found in look.found
    assert remedy in look.remedy
    assert bool(look.remedy) is (code != REAL)


def test_a_source_refuses_the_wrong_jetson_utils(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jetson_utils.py").write_text("def describe(): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "jetson_utils", raising=False)
    with pytest.raises(BackendMissingError, match="PyPI's unrelated package"):
        open_source("csi://0")
    sys.modules.pop("jetson_utils", None)


def test_absence_is_a_fault_on_a_jetson_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    release = tmp_path / "nv_tegra_release"

    def states() -> dict[str, str]:
        return {f.subject: f.state for f in examine(release)}

    assert {states()[s] for s in ("tensorrt", "INT8 sface")} == {"optional"}
    if not NVIDIA_DRIVER.exists():
        elsewhere = {f.subject for f in examine(release) if f.elsewhere}
        assert {"tensorrt", "jetson_utils"} <= elsewhere
        print_findings(examine(release), json=False)
        told = capsys.readouterr().out
        assert "python3-libnvinfer" not in told
        assert '-> run "tvradar calibrate int8 --model sface --images PEOPLE"\n' in told
    release.write_text("# R36 (release), REVISION: 4.3\n")
    assert {states()[s] for s in ("tensorrt", "INT8 sface")} == {"missing"}
