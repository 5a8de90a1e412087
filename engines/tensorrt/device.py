"""The GPU behind one small protocol, with a cuda-python and a pycuda implementation.

Not run on hardware. Addresses and handles are plain integers, as TensorRT takes them. Memory is
freed by `close`, all at once: an engine allocates when it is loaded and never again.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engines.tensorrt.errors import DeviceError, TensorRtMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def load_kernels(self, image: bytes, names: tuple[str, ...]) -> dict[str, Any]:
        """Load compiled kernels; return their functions by name."""

    def launch(
        self,
        function: Any,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        parameters: NDArray[np.void],
        stream: int,
    ) -> None:
        """Enqueue a kernel that takes one struct, given as an array of one structured item."""

    def capture(self, enqueue: Callable[[], None], stream: int) -> int | None:
        """Record what `enqueue` enqueues as a CUDA graph; None where the binding has no graphs."""

    def launch_graph(self, graph: int, stream: int) -> None:
        """Enqueue a recorded graph."""

    def wait(self, stream: int, *, for_stream: int) -> None:
        """Let `stream` go on only when what is now enqueued in `for_stream` is done."""

    def synchronise(self, stream: int) -> None:
        """Block until all that was enqueued in the stream is done."""

    def close(self) -> None:
        """Free all memory, streams and kernels, and the context."""


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


@dataclass(frozen=True, slots=True)
class DeviceImage:
    """A packed colour picture in device memory, which somebody else owns.

    Attributes:
        address: of the first pixel.
        row_bytes: from one row to the next.
        pixel_bytes: 3, or 4 with an unused or alpha byte behind the colours.
        blue_at: offset of blue in a pixel; 0 in BGR, 2 in RGB.
        stream: a stream after whose work the pixels are valid; 0 when they are already.
    """

    address: int
    width: int
    height: int
    row_bytes: int
    pixel_bytes: int
    blue_at: int
    stream: int = 0


def device_image(array: object, *, colour_order: str) -> DeviceImage:
    """Return a view of a device array, without a copy to the host.

    Args:
        array: has `__cuda_array_interface__` of shape (height, width, 3 or 4), uint8: a
            jetson-utils image, a pycuda GPUArray, a CuPy array. jetson-utils gives no stream in
            its interface: call `jetson_utils.cudaDeviceSynchronize()` before, and copy what you
            keep, since its source owns a ring of four frames.
        colour_order: `rgb` (jetson-utils' rgb8, rgba8) or `bgr`.

    Raises:
        DeviceError: the array has another form.
    """
    expected = "expected __cuda_array_interface__ of uint8 (height, width, 3 or 4), packed pixels"
    interface = getattr(array, "__cuda_array_interface__", None)
    if not isinstance(interface, dict):
        raise DeviceError(f"{type(array).__name__}: no __cuda_array_interface__, {expected}")
    shape, kind = tuple(interface["shape"]), np.dtype(interface["typestr"])
    if len(shape) != 3 or shape[2] not in (3, 4) or kind != np.uint8:
        raise DeviceError(f"{type(array).__name__}: {kind} {list(shape)}, {expected}")
    if colour_order not in ("rgb", "bgr"):
        raise DeviceError(f"colour order {colour_order!r}: unknown, expected 'rgb' or 'bgr'")
    height, width, channels = (int(n) for n in shape)
    strides = interface.get("strides") or (width * channels, channels, 1)
    if strides[1:] != (channels, 1) or strides[0] < width * channels:
        raise DeviceError(f"{type(array).__name__}: strides {list(strides)}, {expected}")
    return DeviceImage(
        address=int(interface["data"][0]),
        width=width,
        height=height,
        row_bytes=int(strides[0]),
        pixel_bytes=channels,
        blue_at=2 if colour_order == "rgb" else 0,
        stream=int(interface.get("stream") or 0),
    )


def check_jetson_utils() -> None:
    """Import the real jetson-utils.

    Raises:
        TensorRtMissingError: it is missing, or PyPI's package of that name is installed instead.
    """
    try:
        import jetson_utils  # noqa: PLC0415
    except ImportError as error:
        raise TensorRtMissingError(
            f"jetson_utils: not importable ({error}), expected the one of dusty-nv/jetson-utils; "
            "build it from its source, or use a gstreamer:// source, which needs no jetson_utils"
        ) from error
    missing = [n for n in ("videoSource", "cudaDeviceSynchronize") if not hasattr(jetson_utils, n)]
    if missing:
        raise TensorRtMissingError(
            f"jetson_utils: {getattr(jetson_utils, '__file__', '?')} has no {', '.join(missing)}, "
            "expected the one of dusty-nv/jetson-utils; PyPI's package of that name is another "
            'thing: run "pip uninstall jetson-utils" and build the real one from its source'
        )
