"""NVIDIA's real cuda-python calls a driver of host memory: names, arguments, order, ownership."""

from __future__ import annotations

import subprocess
import sys

USE = """
import ctypes
import numpy as np
from engines.tensorrt.device import open_device
from engines.tensorrt.errors import DeviceError
from tests.integration.host_gpu.drive import drive

driver = ctypes.CDLL("libcuda.so.1")
device = open_device("cuda-python")
first, second, address, back = drive(device)
driver.host_driver_priority.argtypes = [ctypes.c_void_p]
assert driver.host_driver_priority(first) < driver.host_driver_priority(second)

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
