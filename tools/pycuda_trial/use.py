"""Drive `PycudaDevice` by real pycuda, over the driver of host memory; run by `run.sh`."""

from __future__ import annotations

import ctypes

from engines.tensorrt.device import open_device
from tests.integration.host_gpu.drive import drive

driver = ctypes.CDLL("libcuda.so.1")
device = open_device("pycuda")
drive(device)

# No graphs here, as the device says.
assert device.capture(lambda: None, 0) is None

device.close()
alive = driver.host_driver_alive()
assert alive == 0, f"{alive} objects are left"
print("pycuda: all calls gave what cuda-python's give")
