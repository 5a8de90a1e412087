"""ONNX Runtime that cannot be imported on an Arm64 whose processors are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge.doctor.checks import runtime

if TYPE_CHECKING:
    from pathlib import Path

ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n"
PC = "processor\t: 0\nvendor_id\t: GenuineIntel\n"


@pytest.mark.parametrize(
    ("version", "machine", "told", "state"),
    [
        ("1.32.0", "aarch64", PC, "missing"),
        ("1.32.0", "aarch64", None, "missing"),
        ("1.32.0", "aarch64", ARM, "ok"),
        ("1.23.2", "aarch64", PC, "ok"),
        ("1.32.0", "x86_64", PC, "ok"),
    ],
)
def test_hidden_arm_processors_are_told_before_the_import_crashes(
    tmp_path: Path, version: str, machine: str, told: str | None, state: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if told is not None:
        cpuinfo.write_text(told)
    found = runtime(version, machine, cpuinfo)
    assert (found.state, found.found.split(",")[0]) == (state, version)
    assert ("onnxruntime<1.29" in found.remedy) == (state == "missing")
