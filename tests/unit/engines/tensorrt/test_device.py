from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest

from engines.tensorrt.device import check_jetson_utils, device_image, open_device
from engines.tensorrt.errors import DeviceError, TensorRtMissingError


class Array:
    """Anything with `__cuda_array_interface__`; here of host memory."""

    def __init__(self, array: np.ndarray, **more: Any) -> None:
        self.array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "version": 3,
            **more,
        }


def test_a_packed_picture_is_viewed_in_place() -> None:
    array = np.zeros((48, 64, 3), np.uint8)
    image = device_image(Array(array), colour_order="rgb")
    assert image.address == array.ctypes.data
    assert (image.width, image.height) == (64, 48)
    assert (image.row_bytes, image.pixel_bytes, image.blue_at, image.stream) == (192, 3, 2, 0)


def test_strides_and_stream_are_taken_from_the_interface() -> None:
    array = np.zeros((4, 10, 4), np.uint8)[:, :8]
    image = device_image(Array(array, strides=array.strides, stream=7), colour_order="bgr")
    assert (image.width, image.row_bytes, image.pixel_bytes) == (8, 40, 4)
    assert (image.blue_at, image.stream) == (0, 7)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((3, 4, 4), np.uint8).transpose(1, 2, 0),
        np.zeros((4, 4, 3), np.uint8)[:, ::-1],
    ],
)
def test_other_forms_are_refused(array: np.ndarray) -> None:
    with pytest.raises(DeviceError, match="expected __cuda_array_interface__ of uint8"):
        device_image(Array(array, strides=array.strides), colour_order="bgr")


def test_a_host_array_and_an_unknown_order_are_refused() -> None:
    with pytest.raises(DeviceError, match="ndarray: no __cuda_array_interface__"):
        device_image(np.zeros((4, 4, 3), np.uint8), colour_order="bgr")
    with pytest.raises(DeviceError, match="'grb': unknown"):
        device_image(Array(np.zeros((4, 4, 3), np.uint8)), colour_order="grb")


def test_pypis_jetson_utils_is_told_from_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jetson_utils", types.ModuleType("jetson_utils"))
    with pytest.raises(TensorRtMissingError, match="pip uninstall jetson-utils"):
        check_jetson_utils()
    real = types.ModuleType("jetson_utils")
    real.videoSource = real.cudaDeviceSynchronize = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jetson_utils", real)
    check_jetson_utils()
    monkeypatch.setitem(sys.modules, "jetson_utils", None)
    with pytest.raises(TensorRtMissingError, match="dusty-nv/jetson-utils"):
        check_jetson_utils()


def test_without_a_binding_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda", "cuda.bindings", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TensorRtMissingError, match="pip install cuda-bindings") as missing:
        open_device()
    assert missing.value.exit_code == 3
    with pytest.raises(TensorRtMissingError, match="'opencl': unknown"):
        open_device("opencl")


def test_heavy_modules_stay_unimported() -> None:
    modules = ("bindings", "build", "device", "faces", "load", "provision", "runtime", "nvrtc")
    code = f"""
import sys
for name in {modules}:
    __import__("engines.tensorrt." + name)
heavy = {{"tensorrt", "cuda", "pycuda", "jetson_utils", "polygraphy"}}
print(sorted(heavy & {{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
