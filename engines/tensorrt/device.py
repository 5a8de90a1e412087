"""The GPU behind one small protocol, with a cuda-python and a pycuda implementation.

Not run on hardware. Addresses and handles are plain integers, as TensorRT takes them. Memory is
freed by `close`, all at once: an engine allocates when it is loaded and never again.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Protocol

from engines.tensorrt.errors import TensorRtMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


class Device(Protocol):
    """One GPU, used from the thread that opened it; other threads call `activate` first.

    Attributes:
        name: as the driver gives it, `Orin`.
        compute_capability: major and minor, (8, 7).
        binding: the library that is used, for status lines.
    """

    name: str
    compute_capability: tuple[int, int]
    binding: str

    def activate(self) -> None:
        """Make the device's primary context current in the calling thread."""

    def free_bytes(self) -> int:
        """Return the free device memory; on a Jetson that is the system's."""

    def stream(self, *, high_priority: bool = False) -> int:
        """Return a new stream; priorities where the binding has them."""

    def allocate(self, nbytes: int) -> int:
        """Return the address of new device memory, zeroed; owned by the device."""

    def allocate_pinned(self, nbytes: int) -> NDArray[np.uint8]:
        """Return page-locked host memory, which copies need to be asynchronous; owned likewise."""

    def copy_in(self, target: int, source: NDArray[Any], stream: int) -> None:
        """Enqueue a copy of a contiguous (pinned) array to device memory."""

    def copy_out(self, target: NDArray[Any], source: int, stream: int) -> None:
        """Enqueue a copy from device memory to a contiguous (pinned) array."""

    def capture(self, enqueue: Callable[[], None], stream: int) -> int | None:
        """Record what `enqueue` enqueues as a CUDA graph; None where the binding has no graphs."""

    def launch_graph(self, graph: int, stream: int) -> None:
        """Enqueue a recorded graph."""

    def synchronise(self, stream: int) -> None:
        """Block until all that was enqueued in the stream is done."""

    def close(self) -> None:
        """Free all memory, streams and graphs, and the context."""


def open_device(binding: str = "auto", ordinal: int = 0) -> Device:
    """Open the GPU by cuda-python, or by pycuda where only that is installed.

    Args:
        binding: `cuda-python`, `pycuda` or `auto`.
        ordinal: the number of the GPU; a Jetson has one, 0.

    Raises:
        TensorRtMissingError: no binding or no GPU; the message says what to install.
    """
    from engines.tensorrt.cuda_python_device import CudaPythonDevice  # noqa: PLC0415
    from engines.tensorrt.pycuda_device import PycudaDevice  # noqa: PLC0415

    known: dict[str, Callable[[int], Device]] = {
        "cuda-python": CudaPythonDevice,
        "pycuda": PycudaDevice,
    }
    wanted = list(known) if binding == "auto" else [binding]
    reasons = []
    for name in wanted:
        if name not in known:
            raise TensorRtMissingError(f"CUDA binding {name!r}: unknown, expected {list(known)}")
        try:
            return known[name](ordinal)
        except ImportError as error:
            reasons.append(f"{name}: {error}")
    pip = f"{sys.executable} -m pip install"
    raise TensorRtMissingError(
        f"CUDA: no Python binding is importable ({'; '.join(reasons)}), expected one of "
        f'{", ".join(wanted)}; on JetPack 6: "{pip} cuda-bindings~=12.9", on JetPack 7: '
        f'"{pip} cuda-bindings~=13.0"'
    )
