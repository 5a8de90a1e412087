"""What `doctor` says of INT8 files, TensorRT, CUDA and jetson-utils."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engines.errors import EngineError
    from engines.tensorrt.device import Device


class Looked(NamedTuple):
    """One thing that was looked at; `remedy` is empty where all is well."""

    subject: str
    found: str
    remedy: str = ""


def int8_files() -> Iterator[Looked]:
    """Look whether there are INT8 files, and what the parity gate said of them."""
    from engines.catalog import default_models  # noqa: PLC0415
    from engines.errors import EngineGateError  # noqa: PLC0415
    from engines.int8_files import current_int8, require_passed  # noqa: PLC0415

    for name in default_models():
        path = current_int8(name)
        make = f'run "tvradar calibrate int8 --model {name} --images PEOPLE"'
        if path is None:
            yield Looked(f"INT8 {name}", "not calibrated, FP32 runs", make)
            continue
        try:
            require_passed(name, path)
        except EngineGateError as error:
            told = str(error).split(": ", 1)[1].split(";")[0].split(", expected")[0]
            yield Looked(f"INT8 {name}", f"{told}, FP32 runs", make)
        else:
            yield Looked(f"INT8 {name}", f"passed the parity gate, {path.name}")


def gpu() -> Iterator[Looked]:
    """Look at TensorRT, the GPU and the engines that were built for it."""
    from engines.tensorrt.bindings import require_tensorrt  # noqa: PLC0415

    version = _tried("tensorrt", require_tensorrt)
    yield version
    if version.remedy:
        return  # a GPU alone is useless
    devices: list[Device] = []
    yield _tried("GPU", lambda: _opened(devices))
    for device in devices:
        try:
            yield from _engines(device)
        finally:
            device.close()


def _opened(devices: list[Device]) -> str:
    from engines.tensorrt.device import open_device  # noqa: PLC0415

    device = open_device()
    devices.append(device)
    capability = ".".join(map(str, device.compute_capability))
    return f"{device.name}, compute capability {capability}, through {device.binding}"


def _engines(device: Device) -> Iterator[Looked]:
    from engines.catalog import default_models  # noqa: PLC0415
    from engines.tensorrt.load import chosen_record  # noqa: PLC0415
    from engines.tensorrt.pair import platform_of  # noqa: PLC0415

    platform = platform_of(device)
    for name in default_models():

        def told(name: str = name) -> str:
            key = chosen_record(name, platform).key
            return f"{key.precision}, proven, for {key.device} with TensorRT {key.tensorrt}"

        yield _tried(f"engine {name}", told)


def jetson_utils() -> Looked:
    """Check whether jetson-utils is dusty-nv's; PyPI's package of that name is unrelated."""
    from edge.video.sources.jetson import is_real  # noqa: PLC0415

    remedy = "build dusty-nv/jetson-utils; not PyPI's"
    if importlib.util.find_spec("jetson_utils") is None:
        return Looked("jetson_utils", "not here, for camera input on a Jetson", remedy)
    module = None
    with suppress(ImportError, OSError):
        module = importlib.import_module("jetson_utils")
    if module is None:
        return Looked("jetson_utils", "here, and cannot be imported", remedy)
    if not is_real(module):
        found = "PyPI's unrelated package of that name, or an old one"
        return Looked("jetson_utils", found, f'"pip uninstall jetson-utils", then {remedy}')
    return Looked("jetson_utils", "here, for camera input on a Jetson")


def _tried(subject: str, look: Callable[[], str]) -> Looked:
    from engines.errors import EngineError as Failed  # noqa: PLC0415

    try:
        return Looked(subject, look())
    except Failed as error:
        return Looked(subject, *_in_parts(error))


def _in_parts(error: EngineError) -> tuple[str, str]:
    """Return what was found and what to do, out of `subject: found, expected …; remedy`."""
    found, _, rest = str(error).partition(", expected ")
    expected, _, remedy = rest.partition("; ")
    return found.partition(": ")[2] or found, remedy or f"expected {expected}".strip()
