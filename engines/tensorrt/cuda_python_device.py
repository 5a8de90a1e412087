"""The GPU by cuda-python, NVIDIA's own binding (cuda-bindings 12.8 on). Not run on hardware."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.tensorrt.errors import DeviceError, TensorRtMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class CudaPythonDevice:
    """See `engines.tensorrt.device.Device`.

    Raises:
        ImportError: cuda-python is not installed.
        TensorRtMissingError: there is no driver or no GPU.
    """

    binding = "cuda-python"

    def __init__(self, ordinal: int = 0) -> None:
        from cuda.bindings import driver  # noqa: PLC0415

        self._driver: Any = driver
        try:
            self._call("cuInit", 0)
            self._device = self._call("cuDeviceGet", ordinal)
        except (DeviceError, RuntimeError) as error:
            raise TensorRtMissingError(
                f"GPU {ordinal}: the CUDA driver does not give it ({error}), expected an NVIDIA "
                "GPU and its driver; on a Jetson the driver is part of JetPack"
            ) from error
        # TensorRT and jetson-utils use the primary context too; an own one would share nothing.
        self._context = self._call("cuDevicePrimaryCtxRetain", self._device)
        self._memory: list[int] = []
        self._pinned: list[int] = []
        self._streams: dict[int, Any] = {}
        self._graphs: dict[int, Any] = {}
        self.activate()
        name = self._call("cuDeviceGetName", 128, self._device)
        self.name = name.split(b"\0", 1)[0].decode()
        attribute = driver.CUdevice_attribute
        self.compute_capability = (
            int(self._attribute(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)),
            int(self._attribute(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)),
        )

    def activate(self) -> None:
        """See `Device.activate`."""
        self._call("cuCtxSetCurrent", self._context)

    def free_bytes(self) -> int:
        """See `Device.free_bytes`."""
        return int(self._call("cuMemGetInfo")[0])

    def stream(self, *, high_priority: bool = False) -> int:
        """See `Device.stream`."""
        lowest, highest = self._call("cuCtxGetStreamPriorityRange")
        flags = self._driver.CUstream_flags.CU_STREAM_NON_BLOCKING.value
        stream = self._call(
            "cuStreamCreateWithPriority", flags, int(highest if high_priority else lowest)
        )
        self._streams[int(stream)] = stream
        return int(stream)

    def allocate(self, nbytes: int) -> int:
        """See `Device.allocate`."""
        address = self._call("cuMemAlloc", nbytes)
        self._memory.append(int(address))
        self._call("cuMemsetD8", address, 0, nbytes)
        return int(address)

    def allocate_pinned(self, nbytes: int) -> NDArray[np.uint8]:
        """See `Device.allocate_pinned`."""
        address = int(self._call("cuMemHostAlloc", nbytes, 0))
        self._pinned.append(address)
        return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))

    def copy_in(self, target: int, source: NDArray[Any], stream: int) -> None:
        """See `Device.copy_in`."""
        self._call("cuMemcpyHtoDAsync", target, source.ctypes.data, source.nbytes, stream)

    def copy_out(self, target: NDArray[Any], source: int, stream: int) -> None:
        """See `Device.copy_out`."""
        self._call("cuMemcpyDtoHAsync", target.ctypes.data, source, target.nbytes, stream)

    def capture(self, enqueue: Callable[[], None], stream: int) -> int | None:
        """See `Device.capture`."""
        mode = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call("cuStreamBeginCapture", stream, mode)
        try:
            enqueue()
        except BaseException:
            # End it all the same: until then the stream takes no other work.
            self._call("cuGraphDestroy", self._call("cuStreamEndCapture", stream))
            raise
        graph = self._call("cuStreamEndCapture", stream)
        executable = self._call("cuGraphInstantiate", graph, 0)
        self._call("cuGraphDestroy", graph)
        self._graphs[int(executable)] = executable
        return int(executable)

    def launch_graph(self, graph: int, stream: int) -> None:
        """See `Device.launch_graph`."""
        self._call("cuGraphLaunch", graph, stream)

    def synchronise(self, stream: int) -> None:
        """See `Device.synchronise`."""
        self._call("cuStreamSynchronize", stream)

    def close(self) -> None:
        """See `Device.close`."""
        self.activate()
        self._call("cuCtxSynchronize")
        for graph in self._graphs:
            self._call("cuGraphExecDestroy", graph)
        for stream in self._streams:
            self._call("cuStreamDestroy", stream)
        for address in self._memory:
            self._call("cuMemFree", address)
        for address in self._pinned:
            self._call("cuMemFreeHost", address)
        for owned in (self._graphs, self._streams, self._memory, self._pinned):
            owned.clear()
        self._call("cuDevicePrimaryCtxRelease", self._device)

    def _attribute(self, attribute: Any) -> Any:
        return self._call("cuDeviceGetAttribute", attribute, self._device)

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call the driver; return its result without the error code, or raise DeviceError."""
        code, *values = getattr(self._driver, name)(*arguments)
        if code != self._driver.CUresult.CUDA_SUCCESS:
            raise DeviceError(f"{name}: {code!r}, expected CUDA_SUCCESS; see dmesg for the GPU")
        return values[0] if len(values) == 1 else values
