"""Decoders in hardware, found by opening their devices; not run on hardware.

PyAV brings pictures back to memory, so that everything after the decoder is the same. Which devices
there are depends on the FFmpeg that PyAV was built with: its wheels know NVIDIA's only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)

AUTO = "auto"
PREFERRED = ("cuda", "vaapi", "qsv", "videotoolbox", "d3d11va", "vulkan", "drm", "amf")
"""Those that decode by themselves first."""
CODECS = ("h264", "hevc", "av1", "mpeg2video")


class Device(NamedTuple):
    """A device of FFmpeg, and why it cannot be used; empty where it can."""

    name: str
    why_not: str


def open_device(name: str) -> None:
    """Open and close a device.

    Raises:
        OSError: it is not there, or this user may not use it.
        NotImplementedError: FFmpeg has no decoder for it.
    """
    if not any(_opens(name, codec) for codec in CODECS):
        raise NotImplementedError(f"{name}: no decoder for it")


def _opens(name: str, codec: str) -> bool:
    try:
        HWAccel(name, allow_software_fallback=False).create(av.codec.Codec(codec, "r"))
    except NotImplementedError:
        return False
    return True


def devices(
    names: Iterable[str] | None = None, opener: Callable[[str], None] = open_device
) -> list[Device]:
    """Return the devices that this FFmpeg knows, the preferred first, each tried.

    Args:
        names: which to try; all that it knows, when not given.
        opener: opens one.
    """
    known = hwdevices_available()
    ordered = [n for n in PREFERRED if n in known] + [n for n in known if n not in PREFERRED]
    return [Device(n, _why_not(n, known, opener)) for n in (ordered if names is None else names)]


def _why_not(name: str, known: Iterable[str], opener: Callable[[str], None]) -> str:
    if name not in known:
        return f"PyAV's FFmpeg knows {', '.join(known) or 'none'}"
    try:
        opener(name)
    except NotImplementedError:
        return "no decoder for it in PyAV's FFmpeg"
    except (OSError, RuntimeError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def choose(wanted: str | None, opener: Callable[[str], None] = open_device) -> HWAccel | None:
    """Return what decodes in hardware, None for software; a line in the log says why.

    Args:
        wanted: a device's name, `auto` for the first that can be opened, or None.
        opener: opens one.
    """
    if not wanted:
        return None
    tried = devices(None if wanted == AUTO else (wanted,), opener)
    for device in tried:
        if not device.why_not:
            log.info("video.hwaccel: decoding with %s, which was not run on hardware", device.name)
            return HWAccel(device.name, allow_software_fallback=True)
    found = "; ".join(f"{device.name}: {device.why_not}" for device in tried) or "no device known"
    log.warning("video.hwaccel = %r: decoding in software (%s)", wanted, found)
    return None
