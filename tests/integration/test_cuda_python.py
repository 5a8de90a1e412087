"""NVIDIA's real cuda-python calls a driver of host memory: names, arguments, order, ownership."""

from __future__ import annotations

import subprocess
import sys

USE = """
import ctypes, sys
import numpy as np
from engines.align import ARCFACE_TEMPLATE_PX, align
from engines.detector import to_input
from engines.tensorrt.device import DeviceImage, open_device
from engines.tensorrt.errors import DeviceError
from engines.tensorrt.preprocess import Preprocessor

driver = ctypes.CDLL("libcuda.so.1")
device = open_device("cuda-python")
assert (device.name, device.compute_capability) == ("Host", (8, 7))
assert device.free_bytes() == 1 << 30
first, second = device.stream(high_priority=True), device.stream()
driver.host_driver_priority.argtypes = [ctypes.c_void_p]
assert driver.host_driver_priority(first) < driver.host_driver_priority(second)

# Memory is zeroed; copies go there and back.
address = device.allocate(4096)
pinned = device.allocate_pinned(4096)
device.copy_out(pinned, address, first)
assert not pinned.any()
pinned[:] = np.arange(4096) % 251
device.copy_in(address, pinned, first)
back = np.zeros(4096, np.uint8)
device.copy_out(back, address, first)
device.synchronise(first)
assert np.array_equal(back, pinned)
device.wait(second, for_stream=first)

# Both kernels give what the CPU path gives.
rng = np.random.default_rng(0)
bgr = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
frame = device.allocate(bgr.nbytes)
device.copy_in(frame, bgr, first)
image = DeviceImage(frame, 640, 360, 640 * 3, 3, blue_at=0)
kernels = Preprocessor(device, b"kernels")
target = device.allocate(3 * 640 * 384 * 4)
kernels.letterbox(image, target, (640, 384), first)
found = np.zeros((1, 3, 384, 640), np.float32)
device.copy_out(found, target, first)
assert np.array_equal(found, to_input(bgr))
landmarks = (ARCFACE_TEMPLATE_PX * 1.7 + 50)[None].astype(np.float32)
chip = device.allocate(3 * 112 * 112 * 4)
kernels.warp_faces(image, landmarks, chip, second)
warped = np.zeros((1, 3, 112, 112), np.float32)
device.copy_out(warped, chip, second)
expected = align(bgr, landmarks)[..., ::-1].transpose(0, 3, 1, 2)
assert np.abs(warped - expected).mean() < 0.5

# A graph is recorded, not run, and repeats its copies.
source = np.ones(16, np.uint8)
graph = device.capture(lambda: device.copy_in(address, source, first), first)
device.copy_out(back, address, first)
assert back[0] == 0 and back[1] == 1
for value in (7, 9):
    source[:] = value
    device.launch_graph(graph, first)
    device.copy_out(back, address, first)
    assert (back[:16] == value).all()

# What the driver refuses is an error with the name of the call.
try:
    device.load_kernels(b"rubbish", ("letterbox",))
except DeviceError as error:
    assert "cuModuleLoadData" in str(error)
else:
    raise AssertionError("rubbish was loaded")
try:
    device.capture(lambda: device.allocate(16), first)
except DeviceError as error:
    assert "cuMemAlloc" in str(error)
else:
    raise AssertionError("allocated while capturing")
device.synchronise(first)  # the stream takes work again

assert driver.host_driver_alive() > 5
device.close()
print("alive", driver.host_driver_alive())
"""


def test_the_device_works_against_a_driver_of_host_memory(host_gpu: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE], env=host_gpu, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["alive", "0"]
