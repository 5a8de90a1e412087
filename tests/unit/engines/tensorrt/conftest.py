"""A device made of host memory, on which the CUDA kernels run as C++."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[3] / "engines" / "tensorrt" / "kernels"


class HostDevice:
    """`Device` in host memory: addresses are real, streams run at once, graphs are replayed.

    It counts what it gives, refuses what CUDA refuses (an unknown stream, an allocation while a
    graph is captured), and knows what is still owned.
    """

    name = "host"
    compute_capability = (0, 0)
    binding = "host"

    def __init__(self, library: ctypes.CDLL | None) -> None:
        self._library = library
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.pinned: list[NDArray[np.uint8]] = []
        self.streams: dict[int, bool] = {}
        self.graphs: list[list[Callable[[], None]]] = []
        self.recording: list[Callable[[], None]] | None = None
        self.graph_launches = 0
        self.waits: list[tuple[int, int]] = []
        self.closed = False

    def activate(self) -> None:
        pass

    def free_bytes(self) -> int:
        return 1 << 30

    def stream(self, *, high_priority: bool = False) -> int:
        self.streams[len(self.streams) + 1] = high_priority
        return len(self.streams)

    def allocate(self, nbytes: int) -> int:
        assert self.recording is None, "CUDA refuses to allocate while it captures"
        array = np.zeros(nbytes, np.uint8)
        self.memory[array.ctypes.data] = array
        return array.ctypes.data

    def allocate_pinned(self, nbytes: int) -> NDArray[np.uint8]:
        assert self.recording is None
        self.pinned.append(np.zeros(nbytes, np.uint8))
        return self.pinned[-1]

    def enqueue(self, work: Callable[[], None], stream: int) -> None:
        assert stream in self.streams
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def copy_in(self, target: int, source: NDArray[Any], stream: int) -> None:
        assert source.flags.c_contiguous
        address, nbytes = source.ctypes.data, source.nbytes
        self.enqueue(lambda: self._move(target, address, nbytes), stream)

    def copy_out(self, target: NDArray[Any], source: int, stream: int) -> None:
        assert target.flags.c_contiguous
        address, nbytes = target.ctypes.data, target.nbytes
        self.enqueue(lambda: self._move(address, source, nbytes), stream)

    def _move(self, target: int, source: int, nbytes: int) -> None:
        ctypes.memmove(target, source, nbytes)

    def load_kernels(self, image: bytes, names: tuple[str, ...]) -> dict[str, Any]:
        assert self._library is not None
        assert isinstance(image, bytes)
        return {name: (name, getattr(self._library, f"run_{name}")) for name in names}

    def launch(
        self,
        function: Any,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        parameters: NDArray[np.void],
        stream: int,
    ) -> None:
        assert self._library is not None
        name, run = function
        assert parameters.nbytes == getattr(self._library, f"size_{name}")()
        value = parameters.copy()  # CUDA copies the parameters when a kernel is launched
        threads = [ctypes.c_int(g * b) for g, b in zip(grid, block, strict=True)]
        self.enqueue(lambda: run(ctypes.c_void_p(value.ctypes.data), *threads), stream)

    def capture(self, enqueue: Callable[[], None], stream: int) -> int | None:
        assert stream in self.streams
        self.recording = []
        enqueue()
        self.graphs.append(self.recording)
        self.recording = None
        return len(self.graphs)

    def launch_graph(self, graph: int, stream: int) -> None:
        assert stream in self.streams
        self.graph_launches += 1
        for work in self.graphs[graph - 1]:
            work()

    def wait(self, stream: int, *, for_stream: int) -> None:
        self.waits.append((stream, for_stream))

    def synchronise(self, stream: int) -> None:
        assert stream in self.streams
        assert self.recording is None, "CUDA refuses to synchronise while it captures"

    def close(self) -> None:
        self.closed = True
        self.memory.clear()
        self.pinned.clear()


@pytest.fixture(scope="session")
def host_kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++: the CUDA kernels cannot be run as C++")
    library = tmp_path_factory.mktemp("kernels") / "host_kernels.so"
    options = ["-O2", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=off", "-Wall", "-Wextra"]
    options += ["-Werror", "-Wno-conversion", "-fsanitize=undefined", "-static-libubsan"]
    options += ["-fno-sanitize-recover=all"]
    source = [f"-I{KERNELS}", "-o", str(library), str(HERE / "host_kernels.cpp")]
    subprocess.run([compiler, *options, *source], check=True)
    return ctypes.CDLL(str(library))


@pytest.fixture
def host_device(host_kernels: ctypes.CDLL) -> HostDevice:
    return HostDevice(host_kernels)
