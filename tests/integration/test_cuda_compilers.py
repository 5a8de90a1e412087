"""The kernels compile for Orin and Thor with the real compilers, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from engines.tensorrt import nvrtc
from engines.tensorrt.errors import DeviceError, TensorRtMissingError
from engines.tensorrt.preprocess import KERNELS

if TYPE_CHECKING:
    import ctypes
    from pathlib import Path

ELF = b"\x7fELF"


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    try:
        return nvrtc.load_nvrtc()
    except TensorRtMissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("arch", ["sm_87", "sm_110"])
def test_nvcc_compiles_the_kernels(tmp_path: Path, arch: str) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc")
    known = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True, check=True)
    if arch not in known.stdout.split():
        pytest.skip(f"this nvcc does not know {arch}")
    source, cubin = tmp_path / nvrtc.SOURCE, tmp_path / "kernels.cubin"
    source.write_text(nvrtc.kernel_source())
    command = [nvcc, f"-arch={arch}", "-cubin", "-Werror=all-warnings", *nvrtc.OPTIONS]
    subprocess.run([*command, "-o", str(cubin), str(source)], check=True)
    assert_has_kernels(cubin.read_bytes())


@pytest.mark.parametrize("capability", [(8, 7), (11, 0)])
def test_nvrtc_compiles_the_kernels(library: ctypes.CDLL, capability: tuple[int, int]) -> None:
    if capability == (11, 0) and int(nvrtc.nvrtc_version(library).split(".")[0]) < 13:
        pytest.skip("this NVRTC is older than Thor")
    assert_has_kernels(nvrtc.compile_kernels(nvrtc.kernel_source(), capability, library))


def test_nvrtcs_log_is_in_the_error(library: ctypes.CDLL) -> None:
    with pytest.raises(DeviceError, match=r"(?s)sm_87.*undefined_name"):
        nvrtc.compile_kernels("__global__ void k() { undefined_name(); }", (8, 7), library)


def assert_has_kernels(cubin: bytes) -> None:
    assert cubin.startswith(ELF)
    assert all(f".text.{name}".encode() in cubin for name in KERNELS)
