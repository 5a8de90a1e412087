"""Compile CUDA source by NVRTC, which comes with CUDA and needs neither nvcc nor a GPU.

Called through ctypes, so that it is the same with each CUDA binding.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from importlib import resources
from pathlib import Path

from engines.tensorrt.errors import DeviceError, TensorRtMissingError

SOURCE = "preprocess.cu"
OPTIONS = ("--fmad=false",)
"""Without fused multiply-add the GPU rounds as the CPU reference does."""

_NAMES = ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so")
_FOLDERS = ("/usr/local/cuda/lib64", "/usr/local/cuda/targets/aarch64-linux/lib")


def kernel_source() -> str:
    """Return the CUDA source that the package carries."""
    return (resources.files("engines.tensorrt") / "kernels" / SOURCE).read_text()


def load_nvrtc() -> ctypes.CDLL:
    """Load NVRTC: TVRADAR_NVRTC, the loader's path, or CUDA's usual folders.

    Raises:
        TensorRtMissingError: it is nowhere.
    """
    override = os.environ.get("TVRADAR_NVRTC")
    candidates = [override] if override else [*_NAMES]
    if not override:
        candidates += [str(Path(folder) / name) for folder in _FOLDERS for name in _NAMES]
    for candidate in candidates:
        try:
            return ctypes.CDLL(candidate)
        except OSError:  # noqa: PERF203 - a handful of names
            continue
    raise TensorRtMissingError(
        f"NVRTC: none of {', '.join(candidates[:3])} can be loaded, expected CUDA's run-time "
        'compiler; on a Jetson "sudo apt-get install cuda-nvrtc-12-6" (JetPack 6) or '
        '"cuda-nvrtc-13-0" (JetPack 7), or set TVRADAR_NVRTC to the library'
    )


def nvrtc_version(library: ctypes.CDLL) -> str:
    """Return the version, `12.6`."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(library, library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)), "nvrtcVersion")
    return f"{major.value}.{minor.value}"


def compile_kernels(
    source: str, compute_capability: tuple[int, int], library: ctypes.CDLL | None = None
) -> bytes:
    """Compile to a cubin for one GPU.

    Raises:
        TensorRtMissingError: NVRTC is not here.
        DeviceError: it does not compile; carries the compiler's log.
    """
    library = library or load_nvrtc()
    program = ctypes.c_void_p()
    created = library.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), SOURCE.encode(), 0, None, None
    )
    _check(library, created, "nvrtcCreateProgram")
    try:
        arch = "--gpu-architecture=sm_{}{}".format(*compute_capability)
        options = [option.encode() for option in (arch, *OPTIONS)]
        array = (ctypes.c_char_p * len(options))(*options)
        code = library.nvrtcCompileProgram(program, len(options), array)
        if code:
            text = _read(library, program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            raise DeviceError(f"{SOURCE}: NVRTC does not compile it for {arch}: {text.strip()}")
        return _read(library, program, "CUBIN")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _read(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getter = f"nvrtcGet{what}Size"
    _check(library, getattr(library, getter)(program, ctypes.byref(size)), getter)
    buffer = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{what}")(program, buffer), f"nvrtcGet{what}")
    return buffer.raw


def _check(library: ctypes.CDLL, code: int, name: str) -> None:
    if code:
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise DeviceError(f"{name}: {library.nvrtcGetErrorString(code).decode()}, expected success")
