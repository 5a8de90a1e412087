"""A plan, loaded and run. Not run on hardware.

The calls are those that TensorRT 10.3, 10.16 and 11.4 share: `set_input_shape`,
`set_tensor_address`, `execute_async_v3`. All memory is allocated when the engine is loaded. An
engine has a stream of its own, and one execution context for each optimization profile. Where all
profiles are of a fixed shape (the detector), copies and layers are recorded as a CUDA graph after
one run without it.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from engines.engine import Engine, Tensor
from engines.errors import ModelShapeError
from engines.tensorrt.bindings import (
    backend_name,
    require_tensorrt,
    shared_logger,
    take_errors,
)
from engines.tensorrt.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tensorrt as trt
    from numpy.typing import NDArray

    from engines.tensorrt.device import Device

log = logging.getLogger(__name__)

Shape = tuple[int, ...]


@dataclass(slots=True)
class _Buffer:
    """One input or output: device memory and pinned memory for its largest shape."""

    address: int
    pinned: NDArray[np.float32]

    def view(self, shape: Shape) -> NDArray[np.float32]:
        return self.pinned[: math.prod(shape)].reshape(shape)


@dataclass(slots=True)
class _Profile:
    """One optimization profile with its context, and what is set up in it now."""

    context: trt.IExecutionContext
    low: dict[str, Shape]
    high: dict[str, Shape]
    shapes: dict[str, Shape] = field(default_factory=dict)
    outputs: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    runs: int = 0
    graph: int | None = None

    def takes(self, shapes: Mapping[str, Shape]) -> bool:
        return all(
            len(shape) == len(self.low[name])
            and all(a <= n <= b for a, n, b in zip(self.low[name], shape, self.high[name]))  # noqa: B905 - lengths compared
            for name, shape in shapes.items()
        )


class TensorRtEngine(Engine):
    """A model in TensorRT, used from the thread that opened the device.

    Args:
        plan: a serialized engine, built on this device; its inputs and outputs are float32.
        device: where it runs; outlives the engine, and frees its memory.
        precision: of the plan, for status lines.
        high_priority: the GPU prefers this engine's work to that of other streams.
        graphs: record CUDA graphs for plans of fixed shapes.

    Raises:
        TensorRtMissingError: TensorRT is not here.
        PlanError: the plan does not load here; build it again.
    """

    def __init__(
        self,
        plan: bytes,
        device: Device,
        *,
        precision: str = "fp32",
        high_priority: bool = False,
        graphs: bool = True,
    ) -> None:
        version = require_tensorrt()
        import tensorrt as trt  # noqa: PLC0415

        take_errors()
        self._device = device
        self._kind = f"{backend_name()} {precision}"
        self._runtime = trt.Runtime(shared_logger())
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise PlanError(
                f"plan of {len(plan)} bytes: TensorRT {version} does not load it on {device.name} "
                f"({'; '.join(take_errors()) or 'no reason given'}), expected one that was built "
                'here; run "tvradar engines build" again'
            )
        self._engine = engine
        self.stream = device.stream(high_priority=high_priority)
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        for name in names:
            if engine.get_tensor_dtype(name) != trt.float32:
                raise PlanError(
                    f"plan: tensor {name!r} is {engine.get_tensor_dtype(name)}, expected float32 "
                    'inputs and outputs; run "tvradar engines build" again'
                )
        modes = {name: engine.get_tensor_mode(name) for name in names}
        self._inputs = [name for name in names if modes[name] == trt.TensorIOMode.INPUT]
        self._outputs = [name for name in names if modes[name] == trt.TensorIOMode.OUTPUT]
        self._profiles = [self._open_profile(i) for i in range(engine.num_optimization_profiles)]
        self._buffers = self._allocate()
        fixed = all(profile.low == profile.high for profile in self._profiles)
        self._graphs = graphs and fixed

    @property
    def kind(self) -> str:
        """`tensorrt` or `tensorrt-rtx`, and the precision."""
        return self._kind

    @property
    def input_shapes(self) -> dict[str, list[tuple[Shape, Shape]]]:
        """The smallest and largest shape of each input in each profile."""
        return {n: [(p.low[n], p.high[n]) for p in self._profiles] for n in self._inputs}

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Engine.run`."""
        for name in self._inputs:
            value = inputs.get(name)
            if value is None or value.dtype != np.float32:
                found = "missing" if value is None else str(value.dtype)
                raise ModelShapeError(f"input {name!r}: {found}, expected float32")
        shapes = {name: inputs[name].shape for name in self._inputs}
        profile = self._prepare(shapes)
        for name in self._inputs:
            np.copyto(self._buffers[name].view(shapes[name]), inputs[name])
            self._device.copy_in(
                self._buffers[name].address, self._buffers[name].view(shapes[name]), self.stream
            )
        return self._execute(profile)

    def close(self) -> None:
        """Free the engine; the device frees the buffers."""
        self._device.synchronise(self.stream)
        self._profiles.clear()
        del self._engine
        del self._runtime

    def _open_profile(self, index: int) -> _Profile:
        context = self._engine.create_execution_context()
        if context is None:
            raise PlanError(
                f"plan: no memory for an execution context ({'; '.join(take_errors())}), "
                f"{self._device.free_bytes() >> 20} MiB are free; stop other programs, or build "
                "with a smaller --workspace"
            )
        if not context.set_optimization_profile_async(index, self.stream):
            raise PlanError(f"plan: profile {index} cannot be set ({'; '.join(take_errors())})")
        self._device.synchronise(self.stream)
        low: dict[str, Shape] = {}
        high: dict[str, Shape] = {}
        for name in self._inputs:
            shapes = self._engine.get_tensor_profile_shape(name, index)
            low[name], high[name] = _shape(shapes[0]), _shape(shapes[2])
        return _Profile(context, low, high)

    def _allocate(self) -> dict[str, _Buffer]:
        largest = dict.fromkeys([*self._inputs, *self._outputs], 0)
        for profile in self._profiles:
            self._set_shapes(profile, profile.high)
            for name in self._inputs:
                largest[name] = max(largest[name], math.prod(profile.high[name]))
            for name in self._outputs:
                shape = _shape(profile.context.get_tensor_shape(name))
                largest[name] = max(largest[name], math.prod(shape))
        buffers = {}
        for name, count in largest.items():
            pinned = self._device.allocate_pinned(4 * count).view(np.float32)
            buffers[name] = _Buffer(self._device.allocate(4 * count), pinned)
        for profile in self._profiles:
            for name, buffer in buffers.items():
                profile.context.set_tensor_address(name, buffer.address)
        return buffers

    def _set_shapes(self, profile: _Profile, shapes: Mapping[str, Shape]) -> None:
        import tensorrt as trt  # noqa: PLC0415

        for name, shape in shapes.items():
            if not profile.context.set_input_shape(name, trt.Dims(list(shape))):
                raise ModelShapeError(
                    f"input {name!r}: {list(shape)} refused ({'; '.join(take_errors())}), "
                    f"expected {self._expected(name)}"
                )
        profile.shapes = dict(shapes)

    def _prepare(self, shapes: Mapping[str, Shape]) -> _Profile:
        profile = next((p for p in self._profiles if p.takes(shapes)), None)
        if profile is None or set(shapes) != set(self._inputs):
            name = self._inputs[0]
            raise ModelShapeError(
                f"input {name!r}: {list(shapes.get(name, ()))}, expected {self._expected(name)}; "
                'build for another size by "tvradar engines build --size"'
            )
        if profile.shapes != shapes or not profile.outputs:
            self._set_shapes(profile, shapes)
            for name in self._outputs:
                shape = _shape(profile.context.get_tensor_shape(name))
                profile.outputs[name] = self._buffers[name].view(shape)
        return profile

    def _expected(self, name: str) -> str:
        ranges = [(list(p.low[name]), list(p.high[name])) for p in self._profiles]
        return " or ".join(str(a) if a == b else f"{a} to {b}" for a, b in ranges)

    def _execute(self, profile: _Profile) -> dict[str, Tensor]:
        if profile.graph is not None:
            self._device.launch_graph(profile.graph, self.stream)
        else:
            self._enqueue(profile)
        self._device.synchronise(self.stream)
        profile.runs += 1
        if profile.runs == 1 and self._graphs:
            # The first run does what may not be recorded: lazy loading and its allocations.
            profile.graph = self._device.capture(lambda: self._enqueue(profile), self.stream)
            self._device.synchronise(self.stream)
        return {name: view.copy() for name, view in profile.outputs.items()}

    def _enqueue(self, profile: _Profile) -> None:
        if not profile.context.execute_async_v3(self.stream):
            raise PlanError(f"plan: it does not run ({'; '.join(take_errors())})")
        for name, view in profile.outputs.items():
            self._device.copy_out(view, self._buffers[name].address, self.stream)


def _shape(dims: trt.Dims) -> Shape:
    return tuple(int(dims[i]) for i in range(len(dims)))
