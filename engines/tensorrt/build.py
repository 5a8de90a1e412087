"""One ONNX graph to one plan, by TensorRT's own builder.

The network is strongly typed: the graph alone says what is INT8 (Q/DQ), FP16 or FP32. That is the
one form that TensorRT 10.3 to 11.4 share; 11.0 removed calibrators, per-layer precision and the
FP16 and INT8 builder flags. Names that only some of the versions have are asked for with `hasattr`;
`tests/integration/test_tensorrt_api.py` holds every name against the bindings of 10.3, 10.16, 11.4.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, SupportsInt

from engines.files import write_atomically
from engines.tensorrt.bindings import product, require_tensorrt, shared_logger, take_errors
from engines.tensorrt.errors import GraphRefusedError, TensorRtError
from engines.tensorrt.plan_cache import ProfileShapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import tensorrt as trt

log = logging.getLogger(__name__)

EMBEDDER_BATCHES = (1, 4, 16)
"""Smallest, usual and largest number of faces embedded at once."""

DETECTOR_SIZES_PX = ((640, 384), (1280, 736))
"""Width and height of the detector's inputs: 640x360 and 1280x720 video, padded to a multiple of
32."""

MEBIBYTE = 1 << 20
WORKSPACE_MIB = 1024


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What the builder may use.

    Attributes:
        workspace_mib: cap of the scratch memory that a layer may take while the engine runs.
        optimization_level: 0 to 5; higher tries more kernels and takes longer.
        timing_cache: file of earlier measurements of this device; read and written when given.
    """

    workspace_mib: int = WORKSPACE_MIB
    optimization_level: int = 3
    timing_cache: Path | None = None

    def flags(self) -> tuple[str, ...]:
        """Return what of this changes a plan, for its key."""
        return (
            "strongly_typed",
            f"optimization_level={self.optimization_level}",
            f"workspace_mib={self.workspace_mib}",
        )


class Progress(Protocol):
    """Told what the builder does; phases nest. Called in the builder's threads."""

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase of this many steps begins."""

    def step(self, phase: str, done: int) -> bool:
        """This many steps are done; return False to give up the build."""

    def finish(self, phase: str) -> None:
        """The phase has ended."""


def detector_profiles(
    sizes_px: Sequence[tuple[int, int]] = DETECTOR_SIZES_PX, *, name: str = "input"
) -> tuple[ProfileShapes, ...]:
    """Return one profile of batch 1 for each (width, height), so that each has its own kernels."""
    shapes = [(1, 3, height, width) for width, height in sizes_px]
    return tuple(ProfileShapes(name, shape, shape, shape) for shape in shapes)


def embedder_profiles(
    batches: tuple[int, int, int] = EMBEDDER_BATCHES, *, side_px: int = 112, name: str = "data"
) -> tuple[ProfileShapes, ...]:
    """Return the one profile of an embedder: smallest, usual and largest batch."""
    low, usual, high = ((batch, 3, side_px, side_px) for batch in batches)
    return (ProfileShapes(name, low, usual, high),)


def build_plan(
    onnx_path: Path,
    profiles: Sequence[ProfileShapes],
    options: BuildOptions,
    *,
    sha256: str = "",
    progress: Progress | None = None,
    target: Callable[[trt.IBuilderConfig], None] | None = None,
) -> bytes:
    """Parse a graph and build its plan.

    Args:
        onnx_path: FP32, FP16 or Q/DQ INT8.
        profiles: the shapes to build for.
        options: what the builder may use.
        sha256: of the graph, when it was judged before; other bytes are refused.
        progress: told of the steps, where this TensorRT reports them.
        target: sets another GPU than the present one; TensorRT-RTX builds for one without it.

    Raises:
        TensorRtMissingError: TensorRT is not here.
        GraphRefusedError: the parser or the builder refused the graph; names the node.
    """
    require_tensorrt()
    import tensorrt as trt  # noqa: PLC0415

    take_errors()
    builder = trt.Builder(shared_logger())
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parse(network, onnx_path, sha256)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(
        trt.MemoryPoolType.WORKSPACE, workspace_cap(options.workspace_mib) * MEBIBYTE
    )
    config.builder_optimization_level = options.optimization_level
    # Auxiliary streams would compete with the stream that has the detector's priority.
    config.max_aux_streams = 0
    _add_profiles(builder, network, config, profiles)
    if target is not None:
        target(config)
    if progress is not None and hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(progress)
    timing = _load_timing_cache(config, options.timing_cache)
    started = time.monotonic()
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise GraphRefusedError(
            f"{onnx_path}: {product()} parsed it and cannot build it ({_reasons()}), expected "
            "operators that it has (non-maximum suppression and RoiAlign belong outside) and "
            'shapes that fit the profiles; see "tvradar engines check"'
        )
    _save_timing_cache(timing, options.timing_cache)
    data = bytes(memoryview(plan))
    log.info("%s: built %d bytes in %.1f s", onnx_path.name, len(data), time.monotonic() - started)
    return data


def parse(network: trt.INetworkDefinition, onnx_path: Path, sha256: str = "") -> None:
    """Parse an ONNX file into a network; with a sha256 no other bytes than those.

    Raises:
        GraphRefusedError: with the node and the reason of each error.
    """
    import tensorrt as trt  # noqa: PLC0415

    if not onnx_path.is_file():
        raise GraphRefusedError(
            f'{onnx_path}: no such file, expected an ONNX graph; see "tvradar engines fetch"'
        )
    data = onnx_path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256:
        raise GraphRefusedError(
            f"{onnx_path}: sha256 is {found}, expected {sha256}; it was replaced a moment ago"
        )
    parser = trt.OnnxParser(network, shared_logger())
    if parser.parse(data):
        return
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    reasons = [f"node {e.node_name() or '?'} ({e.node_operator()}): {e.desc()}" for e in errors]
    raise GraphRefusedError(
        f"{onnx_path}: {product()} cannot parse it "
        f"({'; '.join(reasons) or _reasons()}), expected signed symmetric Q/DQ and operators that "
        'TensorRT has; "tvradar engines check" names the mend'
    )


def workspace_cap(wanted_mib: int) -> int:
    """Return the workspace in MiB that fits: at most half of what is free now.

    On a Jetson the GPU shares the system's memory; a build that takes all of it brings the kernel's
    out-of-memory killer to the decoder.
    """
    free_mib = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MEBIBYTE
    cap = max(64, min(wanted_mib, free_mib // 2))
    if cap < wanted_mib:
        log.warning(
            "workspace: %d MiB wanted, %d MiB free, capped to %d", wanted_mib, free_mib, cap
        )
    return cap


def _add_profiles(
    builder: trt.Builder,
    network: trt.INetworkDefinition,
    config: trt.IBuilderConfig,
    profiles: Sequence[ProfileShapes],
) -> None:
    import tensorrt as trt  # noqa: PLC0415

    inputs = {network.get_input(i).name for i in range(network.num_inputs)}
    for shapes in profiles:
        if inputs != {shapes.input}:
            raise GraphRefusedError(
                f"graph: inputs {sorted(inputs)}, expected [{shapes.input!r}] as in the profile; "
                "name the input of the graph in the profile"
            )
        profile = builder.create_optimization_profile()
        try:
            low, usual, high = (trt.Dims(list(s)) for s in (shapes.min, shapes.opt, shapes.max))
            profile.set_shape(shapes.input, low, usual, high)
        except ValueError as error:
            raise GraphRefusedError(
                f"profile {shapes}: {error}, expected min <= opt <= max in each dimension"
            ) from error
        if config.add_optimization_profile(profile) < 0:
            raise GraphRefusedError(
                f"profile {shapes}: does not fit the graph ({_reasons()}), expected shapes of its "
                "input; a graph with a fixed batch takes no other"
            )


def _monitor(progress: Progress) -> trt.IProgressMonitor:
    import tensorrt as trt  # noqa: PLC0415

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, unused-ignore]  # as in bindings.py
        def __init__(self) -> None:
            super().__init__()

        def phase_start(
            self, phase_name: str, parent_phase: str | None, num_steps: SupportsInt
        ) -> None:
            progress.start(phase_name, parent_phase, int(num_steps))

        def step_complete(self, phase_name: str, step: SupportsInt) -> bool:
            return progress.step(phase_name, int(step) + 1)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()


def _load_timing_cache(config: trt.IBuilderConfig, path: Path | None) -> trt.ITimingCache | None:
    if path is None:
        return None
    data = path.read_bytes() if path.is_file() else b""
    cache = config.create_timing_cache(data)
    # A cache of another GPU is refused here; measurements of it would pick the wrong kernels.
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        log.warning("%s: of another device or TensorRT, started again", path)
        cache = config.create_timing_cache(b"")
        if not config.set_timing_cache(cache, ignore_mismatch=False):
            raise TensorRtError(f"{path}: TensorRT takes no timing cache ({_reasons()})")
    return cache


def _save_timing_cache(cache: trt.ITimingCache | None, path: Path | None) -> None:
    if cache is not None and path is not None:
        write_atomically(path, bytes(memoryview(cache.serialize())))


def _reasons() -> str:
    return "; ".join(take_errors()) or "no reason given"
