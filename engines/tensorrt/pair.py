"""Detector and embedder in TensorRT, as `tvradar engines build` chose them. Not run on hardware."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.catalog import default_name
from engines.tensorrt.bindings import require_tensorrt
from engines.tensorrt.device import open_device
from engines.tensorrt.load import open_chosen
from engines.tensorrt.provision import Platform, read_l4t_release

if TYPE_CHECKING:
    from engines.tensorrt.device import Device
    from engines.tensorrt.runtime import TensorRtEngine


@dataclass(frozen=True, slots=True)
class TensorRtPair:
    """The two engines and the GPU that they share; `close` frees all three."""

    device: Device
    detector: TensorRtEngine
    embedder: TensorRtEngine

    def detector_sizes_px(self) -> list[tuple[int, int]]:
        """Return width and height of the detector's inputs; it takes no others."""
        (ranges,) = self.detector.input_shapes.values()
        return [(high[3], high[2]) for _, high in ranges]

    def close(self) -> None:
        """Free the engines and the GPU; call it in a thread that `device.activate`d."""
        self.detector.close()
        self.embedder.close()
        self.device.close()


def platform_of(device: Device) -> Platform:
    """Return what plans of this device are tied to."""
    capability = ".".join(map(str, device.compute_capability))
    return Platform(require_tensorrt(), capability, device.name, read_l4t_release())


def open_pair(
    *, precision: str = "auto", unverified: bool = False, binding: str = "auto"
) -> TensorRtPair:
    """Open the GPU and load the engines in use; `load.chosen_record` tells what is refused.

    The engines are loaded before anything else takes memory: on a Jetson the decoder's frame pool
    and the GPU share it.

    Args:
        precision: take a plan of this precision only; `auto` takes what the build chose.
        unverified: load plans that the gate did not pass.
        binding: `cuda-python`, `pycuda` or `auto`.

    Raises:
        TensorRtMissingError: no TensorRT, no CUDA binding or no GPU.
        ModelMissingError: no engine was built here.
        PlanUnverifiedError: an engine failed the gate, or never ran it.
        PlanError: an engine is damaged or was built elsewhere.
    """
    require_tensorrt()
    device = open_device(binding)
    try:
        platform = platform_of(device)
        detector = open_chosen(
            default_name("detector"),
            device,
            platform,
            precision=precision,
            high_priority=True,
            unverified=unverified,
        )
        embedder = open_chosen(
            default_name("embedder"), device, platform, precision=precision, unverified=unverified
        )
    except Exception:
        device.close()
        raise
    return TensorRtPair(device, detector, embedder)
