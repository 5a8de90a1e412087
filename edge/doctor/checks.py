"""`doctor`: what is installed, what is missing, and how to mend it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

Absent = Literal["missing", "optional"]
NVIDIA_DRIVER = Path("/dev/nvidiactl")
CPUINFO = Path("/proc/cpuinfo")
FAULTY_WITHOUT_CPUINFO = (1, 29)
LIBRARIES = ("av", "numpy", "onnxruntime", "opencv-python-headless", "starlette", "uvicorn")


class Finding(msgspec.Struct, frozen=True):
    """One line: what was looked at, how it is, and what to do about it.

    Attributes:
        elsewhere: it is of use only on other machines than this one, and absent as it should be.
    """

    subject: str
    state: Literal["ok", "missing", "optional"]
    found: str
    remedy: str = ""
    needed: bool = True
    elsewhere: bool = False


def examine(l4t_release: Path | None = None) -> list[Finding]:
    """Look at everything that can be looked at without changing anything.

    Args:
        l4t_release: a file that only a Jetson has; by default the one of its own system.
    """
    from engines.tensorrt.provision import L4T_RELEASE  # noqa: PLC0415

    jetson = (l4t_release or L4T_RELEASE).exists()
    models = [*_models(), *optional_models()]
    useful = [*_optional(), _decoding(), *_gpu(jetson=jetson)]
    return [*_python(), *models, *useful, *_devices()]


def _python() -> Iterator[Finding]:
    supported = (3, 10) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "Python",
        "ok" if supported else "missing",
        f"{platform.python_version()} on {platform.machine()}",
        "" if supported else "use Python 3.10 to 3.13",
    )
    for name in LIBRARIES:
        finding = _library(name)
        if name == "onnxruntime" and finding.state == "ok":
            finding = runtime(finding.found, platform.machine(), CPUINFO)
        yield finding


def _library(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", "not installed", 'run "make setup"')


def runtime(found: str, machine: str, cpuinfo: Path) -> Finding:
    """Tell whether this ONNX Runtime can be imported here at all.

    On Arm64, 1.29 to 1.32 end in a segmentation fault at import where `/proc/cpuinfo` names no Arm
    processor: under old emulators, and in containers that hide it (pytorch/cpuinfo, pull request
    398). Seen under QEMU 7.2; 1.23 and 1.26 do not.

    Args:
        found: version of ONNX Runtime.
        machine: as `platform.machine()` says it.
        cpuinfo: `/proc/cpuinfo`.
    """
    new = tuple(int(part) for part in found.split(".")[:2]) >= FAULTY_WITHOUT_CPUINFO
    if machine == "aarch64" and new:
        try:
            hidden = "CPU implementer" not in cpuinfo.read_text()
        except OSError:
            hidden = True
        if hidden:
            return Finding(
                "onnxruntime",
                "missing",
                f"{found}, and {cpuinfo} names no Arm processor: its import ends in a crash",
                "run \"pip install 'onnxruntime<1.29'\", or show the processors: QEMU 8 or newer "
                "does",
            )
    return Finding("onnxruntime", "ok", found)


def _models() -> Iterator[Finding]:
    from engines.catalog import default_models  # noqa: PLC0415
    from engines.fetch import fp32_path, present  # noqa: PLC0415
    from engines.files import cache_dir  # noqa: PLC0415

    for name in default_models():
        path = present(name)
        if path is not None:
            yield Finding(f"model {name}", "ok", str(path))
        else:
            state = "damaged" if fp32_path(name).is_file() else "not here"
            yield Finding(f"model {name}", "missing", state, 'run "tvradar engines fetch"')
    free_mb = shutil.disk_usage(_existing(cache_dir())).free / 1e6
    enough = free_mb > 500
    yield Finding(
        "disk",
        "ok" if enough else "missing",
        f"{free_mb:.0f} MB free at {cache_dir()}",
        "" if enough else "free some space, 500 MB are needed for galleries and models",
    )


USES = {
    "centerface": "for turned faces",
    "resemblyzer": "for voices",
    "silerovad": "for voices",
}


def optional_models() -> Iterator[Finding]:
    """Tell whether models that names can do without are here, and of what licence they are."""
    from engines.catalog import load_catalog  # noqa: PLC0415
    from engines.fetch import present  # noqa: PLC0415

    for name, model in load_catalog().items():
        if name in USES:
            path = present(name)
            where = str(path) if path is not None else "not here"
            yield Finding(
                f"model {name}",
                "ok" if path is not None else "optional",
                f"{where} ({model.licence}), {USES[name]}",
                "" if path is not None else f'run "tvradar engines fetch {name}"',
                needed=False,
            )


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _optional() -> Iterator[Finding]:
    from edge.video.sources.gstreamer import REMEDY  # noqa: PLC0415

    here = importlib.util.find_spec("gi") is not None
    yield Finding(
        "gi",
        "ok" if here else "optional",
        f"{'here' if here else 'not here'}, for GStreamer's sources and display://",
        "" if here else REMEDY,
        needed=False,
    )


def _decoding() -> Finding:
    """What video.hwaccel could use; software decodes where it is nothing, which is no fault."""
    from edge.video.hardware import devices  # noqa: PLC0415

    tried = devices()
    here = [device.name for device in tried if not device.why_not]
    if here:
        found = (
            f'{", ".join(here)} can be opened; video.hwaccel = "auto" tries it, not run on hardware'
        )
    else:
        why = "; ".join(f"{device.name}: {device.why_not}" for device in tried)
        found = f"in software; no device can be opened ({why or 'FFmpeg knows none'})"
    return Finding("decoding", "ok", found, needed=False)


def _gpu(*, jetson: bool) -> Iterator[Finding]:
    """What only makes it faster: missing is a fault on a Jetson, and normal elsewhere."""
    from edge.doctor.gpu import gpu, int8_files, jetson_utils  # noqa: PLC0415

    absent: Absent = "missing" if jetson else "optional"
    useful = jetson or NVIDIA_DRIVER.exists()
    for look in int8_files():
        state = absent if look.remedy else "ok"
        yield Finding(look.subject, state, look.found, look.remedy, needed=False)
    for look, here in (*((one, useful) for one in gpu()), (jetson_utils(), jetson)):
        state = absent if look.remedy else "ok"
        elsewhere = state == "optional" and not here
        yield Finding(look.subject, state, look.found, look.remedy, False, elsewhere)  # noqa: FBT003


def _devices() -> Iterator[Finding]:
    nodes = sorted(str(p) for p in Path("/dev").glob("video*"))
    yield Finding(
        "video devices",
        "ok" if nodes else "optional",
        ", ".join(nodes) or "none",
        "" if nodes else "plug in an HDMI grabber, or use a file or a stream",
        needed=False,
    )
