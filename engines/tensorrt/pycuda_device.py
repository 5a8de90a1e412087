"""The GPU by pycuda, for devices that have it built. Not run on hardware.

pycuda has neither stream priorities nor CUDA graphs: the detector's stream has no precedence, and
engines enqueue their layers one by one. cuda-python has both and is tried first.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.tensorrt.errors import TensorRtMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

log = logging.getLogger(__name__)


class PycudaDevice:
    """See `engines.tensorrt.device.Device`.

    Raises:
        ImportError: pycuda, or the driver that it links to, is not installed.
        TensorRtMissingError: there is no GPU.
    """

    binding = "pycuda"

    def __init__(self, ordinal: int = 0) -> None:
        import pycuda.driver as driver  # noqa: PLC0415, PLR0402 - the module has another name here

        self._driver: Any = driver
        try:
            driver.init()
            device = driver.Device(ordinal)
        except driver.Error as error:
            raise TensorRtMissingError(
                f"GPU {ordinal}: the CUDA driver does not give it ({error}), expected an NVIDIA "
                "GPU and its driver; on a Jetson the driver is part of JetPack"
            ) from error
        # Never pycuda.autoinit: it makes a context of its own, in the importing thread only.
        self._context: Any = device.retain_primary_context()
        self._context.push()
        self._memory: dict[int, Any] = {}
        self._pinned: list[Any] = []
        self._streams: dict[int, Any] = {}
        self.name = str(device.name())
        major, minor = device.compute_capability()
        self.compute_capability = (int(major), int(minor))

    def activate(self) -> None:
        """See `Device.activate`."""
        self._context.push()

    def free_bytes(self) -> int:
        """See `Device.free_bytes`."""
        return int(self._driver.mem_get_info()[0])

    def stream(self, *, high_priority: bool = False) -> int:
        """See `Device.stream`."""
        if high_priority:
            log.info("pycuda has no stream priorities; install cuda-python for them")
        stream = self._driver.Stream()
        self._streams[int(stream.handle)] = stream
        return int(stream.handle)

    def allocate(self, nbytes: int) -> int:
        """See `Device.allocate`."""
        memory = self._driver.mem_alloc(nbytes)
        self._memory[int(memory)] = memory
        self._driver.memset_d8(int(memory), 0, nbytes)
        return int(memory)

    def allocate_pinned(self, nbytes: int) -> NDArray[np.uint8]:
        """See `Device.allocate_pinned`."""
        array: NDArray[np.uint8] = self._driver.pagelocked_empty(nbytes, np.uint8)
        self._pinned.append(array)
        return array

    def copy_in(self, target: int, source: NDArray[Any], stream: int) -> None:
        """See `Device.copy_in`."""
        self._driver.memcpy_htod_async(target, source, self._streams[stream])

    def copy_out(self, target: NDArray[Any], source: int, stream: int) -> None:
        """See `Device.copy_out`."""
        self._driver.memcpy_dtoh_async(target, source, self._streams[stream])

    def capture(self, enqueue: Callable[[], None], stream: int) -> int | None:
        """See `Device.capture`."""
        del enqueue, stream
        return None

    def launch_graph(self, graph: int, stream: int) -> None:
        """See `Device.launch_graph`; never called, since `capture` gives no graph."""
        raise NotImplementedError(f"graph {graph}, stream {stream}: pycuda has no CUDA graphs")

    def synchronise(self, stream: int) -> None:
        """See `Device.synchronise`."""
        self._streams[stream].synchronize()

    def close(self) -> None:
        """See `Device.close`."""
        self._context.synchronize()
        for memory in self._memory.values():
            memory.free()
        for owned in (self._memory, self._pinned, self._streams):
            owned.clear()
        self._context.pop()
        self._context.detach()
