"""Ask a V4L2 capture device what it has, and bring an HDMI bridge to a picture.

An HDMI-to-CSI bridge (TC358743 and its kin) sends nothing until it has an EDID and the timings of
its input are set; a UVC stick does all that alone. Numbers and layouts are those of
linux/videodev2.h. There was no device where this was written: it is tested against a constructed
trace of ioctls and has not been run on hardware.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from edge.errors import SourceError, SourceLostError, SourceMissingError
from edge.video.sources.edid import build_edid

if TYPE_CHECKING:
    from edge.video.source import SourceOptions

CAPABILITY = struct.Struct("@16s32s32sIII3I")
FORMAT = struct.Struct("@III32sII3I")
INPUT = struct.Struct("@I32sIIIQII3I4x")
TIMINGS = struct.Struct("=IIIIIQ9III60x")
EDID = struct.Struct("@III5IP")
SUBSCRIPTION = struct.Struct("@III5I")
EVENT = struct.Struct("@I4x64sIIllI8I4x" if struct.calcsize("@l") == 8 else "@I4x64sIIllI8I")
NUMBER = struct.Struct("@i")


def _request(direction: int, number: int, layout: struct.Struct) -> int:
    """Return an ioctl number as linux/ioctl.h makes it: 1 writes, 2 reads, 3 does both."""
    return direction << 30 | layout.size << 16 | ord("V") << 8 | number


QUERYCAP = _request(2, 0, CAPABILITY)
ENUM_FMT = _request(3, 2, FORMAT)
ENUMINPUT = _request(3, 26, INPUT)
G_INPUT = _request(2, 38, NUMBER)
G_EDID = _request(3, 40, EDID)
S_EDID = _request(3, 41, EDID)
S_DV_TIMINGS = _request(3, 87, TIMINGS)
DQEVENT = _request(2, 89, EVENT)
SUBSCRIBE_EVENT = _request(1, 90, SUBSCRIPTION)
QUERY_DV_TIMINGS = _request(2, 99, TIMINGS)

BUF_TYPE_VIDEO_CAPTURE = 1
CAP_VIDEO_CAPTURE, CAP_STREAMING, CAP_DEVICE_CAPS = 0x1, 0x0400_0000, 0x8000_0000
IN_CAP_DV_TIMINGS = 0x2
IN_NO_POWER, IN_NO_SIGNAL, IN_NO_ACCESS = 0x1, 0x2, 0x0200_0000
EVENT_SOURCE_CHANGE = 5

FOURCC = {
    b"UYVY": ("uyvy", "uyvy422"),
    b"YUYV": ("yuyv", "yuyv422"),
    b"NV12": ("nv12", "nv12"),
    b"BGR3": ("bgr", "bgr24"),
    b"MJPG": ("mjpeg", "mjpeg"),
}
"""V4L2's code: our name and FFmpeg's."""

RAW_FIRST = ("uyvy", "yuyv", "nv12", "bgr", "mjpeg")
# Raw 1080p does not fit through USB 2 and 3 sticks give it at 5 frames a second.
JPEG_FIRST = ("mjpeg", "nv12", "yuyv", "uyvy", "bgr")


class Ioctl(Protocol):
    """The seam to the kernel: `fcntl.ioctl` on an open device."""

    def __call__(self, request: int, buffer: bytearray) -> None:
        """Carry out a request, changing the buffer; OSError as the kernel says."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What comes in at a device's input.

    Attributes:
        state: `locked` is a picture; `protected` where the driver knows of HDCP or the like;
            `unknown` where the device does not tell, as UVC sticks do.
        size: width and height, (0, 0) where unknown.
        fps: frames per second, 0 where unknown.
        interlaced: two fields make a frame.
    """

    state: Literal["locked", "no_signal", "unstable", "out_of_range", "protected", "unknown"]
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    interlaced: bool = False


REASONS = {
    "no_signal": ("no signal at its input", "switch the source on and check the cable"),
    "unstable": ("the signal is not stable", "wait, or try another cable"),
    "out_of_range": ("a signal that this device cannot take", "set the source to 1080p"),
    "protected": (
        "the source sends protected video (HDCP), which this device must not deliver",
        "take the picture inside the box, after its decoder",
    ),
}


class Device:
    """An open capture device.

    Args:
        path: for messages.
        ioctl: carries out requests.
    """

    def __init__(self, path: str, ioctl: Ioctl) -> None:
        self.path = path
        self._ioctl = ioctl
        capability = bytearray(CAPABILITY.size)
        try:
            ioctl(QUERYCAP, capability)
        except OSError as error:
            raise SourceError(path, f"no V4L2 device ({error.strerror})") from error
        driver, card, _, _, all_caps, device_caps, *_ = CAPABILITY.unpack(capability)
        self.driver, self.card = _text(driver), _text(card)
        caps = device_caps if all_caps & CAP_DEVICE_CAPS else all_caps
        if not caps & CAP_VIDEO_CAPTURE or not caps & CAP_STREAMING:
            found = f"{self.card} ({self.driver}) does not capture video"
            raise SourceError(path, found, remedy="try the next one, see v4l2-ctl --list-devices")
        self._input_status, self._input_caps = self._input()

    def _input(self) -> tuple[int, int]:
        number = bytearray(NUMBER.size)
        buffer = bytearray(INPUT.size)
        try:
            self._ioctl(G_INPUT, number)
            buffer[:4] = number
            self._ioctl(ENUMINPUT, buffer)
        except OSError:
            return 0, 0
        fields = INPUT.unpack(buffer)
        return fields[6], fields[7]

    def formats(self) -> tuple[str, ...]:
        """Return our names of the pixel formats that the device has and we can take."""
        names = []
        for index in range(64):
            buffer = bytearray(FORMAT.size)
            buffer[:8] = struct.pack("@II", index, BUF_TYPE_VIDEO_CAPTURE)
            try:
                self._ioctl(ENUM_FMT, buffer)
            except OSError:
                break
            code = FORMAT.unpack(buffer)[4].to_bytes(4, "little")
            names += [FOURCC[code][0]] if code in FOURCC else []
        return tuple(names)

    def signal(self) -> Signal:
        """Look at what comes in; on a bridge, also set the receiver to it."""
        if self._input_status & IN_NO_ACCESS:
            return Signal("protected")
        if self._input_status & (IN_NO_SIGNAL | IN_NO_POWER):
            return Signal("no_signal")
        if not self._input_caps & IN_CAP_DV_TIMINGS:
            return Signal("unknown")
        buffer = bytearray(TIMINGS.size)
        try:
            self._ioctl(QUERY_DV_TIMINGS, buffer)
        except OSError as error:
            return Signal(_state_of(error))
        signal = read_timings(buffer)
        self._ioctl(S_DV_TIMINGS, buffer)
        return signal

    def ensure_edid(self) -> bool:
        """Give a bridge that has no EDID one, as sources send nothing without; True if given."""
        if not self._input_caps & IN_CAP_DV_TIMINGS:
            return False
        block = ctypes.create_string_buffer(256)
        try:
            self._ioctl(G_EDID, _edid_request(block, 2))
            # Drivers answer ENODATA, or zeros, where none was set.
            if any(block.raw[:128]):
                return False
        except OSError as error:
            if error.errno != errno.ENODATA:
                return False
        content = build_edid()
        block = ctypes.create_string_buffer(content, len(content))
        self._ioctl(S_EDID, _edid_request(block, len(content) // 128))
        return True

    def subscribe(self) -> bool:
        """Ask to be told of a change of the source; False where the driver does not tell."""
        buffer = bytearray(SUBSCRIPTION.pack(EVENT_SOURCE_CHANGE, 0, 0, *(0,) * 5))
        try:
            self._ioctl(SUBSCRIBE_EVENT, buffer)
        except OSError:
            return False
        return True

    def source_changed(self) -> bool:
        """Take the events that are there; whether one of them is a change of the source."""
        changed = False
        for _ in range(64):
            buffer = bytearray(EVENT.size)
            try:
                self._ioctl(DQEVENT, buffer)
            except OSError:  # no event left
                break
            changed |= EVENT.unpack(buffer)[0] == EVENT_SOURCE_CHANGE
        return changed


def prepare(device: Device, options: SourceOptions) -> dict[str, str]:
    """Bring the device to a picture; return FFmpeg's options for it.

    Raises:
        SourceError: it has no pixel format that we can take, or not the one asked for.
        SourceLostError: no signal, or one that it cannot deliver; the message says which.
    """
    device.ensure_edid()
    signal = device.signal()
    if signal.state in REASONS:
        raise SourceLostError(device.path, REASONS[signal.state][0], "", REASONS[signal.state][1])
    name = choose_format(device, options.pixel_format)
    settings = {"input_format": next(theirs for ours, theirs in FOURCC.values() if ours == name)}
    size = signal.size if signal.state == "locked" else options.size
    if size:
        settings["video_size"] = f"{size[0]}x{size[1]}"
    if options.fps and signal.state != "locked":  # a bridge has the rate of its source
        settings["framerate"] = f"{options.fps:g}"
    return settings


def choose_format(device: Device, wanted: str) -> str:
    """Return the name of the pixel format to capture with."""
    offered = device.formats()
    if wanted != "auto":
        if wanted in offered:
            return wanted
        found = f"{device.card} has {', '.join(offered) or 'no format that we know'}"
        raise SourceError(device.path, found, wanted, 'use pixel_format = "auto"')
    order = JPEG_FIRST if device.driver == "uvcvideo" else RAW_FIRST
    for name in order:
        if name in offered:
            return name
    found = f"{device.card} has no pixel format that we can take"
    raise SourceError(device.path, found, ", ".join(RAW_FIRST))


def read_timings(buffer: bytearray) -> Signal:
    """Read size and rate from a v4l2_dv_timings."""
    _, width, height, interlaced, _, clock_hz, *rest = TIMINGS.unpack(buffer)
    horizontal, vertical = width + sum(rest[:3]), height + sum(rest[3:6])
    if interlaced:
        vertical += sum(rest[6:9])
    total = horizontal * vertical
    return Signal("locked", (width, height), clock_hz / total if total else 0.0, bool(interlaced))


def _state_of(error: OSError) -> Literal["no_signal", "unstable", "out_of_range", "unknown"]:
    if error.errno == errno.ENOLINK:
        return "no_signal"
    if error.errno == errno.ENOLCK:
        return "unstable"
    return "out_of_range" if error.errno == errno.ERANGE else "unknown"


def _edid_request(block: ctypes.Array[ctypes.c_char], blocks: int) -> bytearray:
    return bytearray(EDID.pack(0, 0, blocks, *(0,) * 5, ctypes.addressof(block)))


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


class OpenDevice:
    """A file descriptor of a device, used as an `Ioctl`; close it."""

    def __init__(self, path: str) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except FileNotFoundError as error:
            remedy = "plug it in; v4l2-ctl --list-devices shows what is there"
            raise SourceMissingError(path, "no such device", remedy=remedy) from error
        except OSError as error:
            remedy = "add the user to the group video" if error.errno == errno.EACCES else ""
            raise SourceError(path, f"cannot be opened ({error.strerror})", "", remedy) from error

    def __call__(self, request: int, buffer: bytearray) -> None:
        """Carry out a request; OSError as the kernel says."""
        import fcntl  # noqa: PLC0415  (Linux only)

        fcntl.ioctl(self._fd, request, buffer, True)  # noqa: FBT003

    def has_event(self) -> bool:
        """Whether an event is waiting."""
        return bool(select.select([], [], [self._fd], 0)[2])

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


class CaptureInput:
    """A capture device that is ready to be opened by FFmpeg, watched for a change of its source.

    Attributes:
        settings: FFmpeg's options for the device.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        self._path = path
        self._open: OpenDevice | None = OpenDevice(path)
        try:
            self._device = Device(path, self._open)
            self.settings = prepare(self._device, options)
        except SourceError:
            self.close()
            raise
        self._tells = self._device.subscribe()

    def watch(self) -> None:
        """Raise SourceLostError where the source has changed: it is to be opened again."""
        handle = self._open
        if self._tells and handle and handle.has_event() and self._device.source_changed():
            raise SourceLostError(self._path, "the source has changed its picture or went away")

    def close(self) -> None:
        """Close the second descriptor; again is harmless."""
        handle, self._open = self._open, None
        if handle is not None:
            handle.close()


def device_of(uri: str, options: SourceOptions) -> CaptureInput | None:
    """Return the capture device that a v4l2:// URI names, ready to be opened; None for others."""
    if not uri.startswith("v4l2:"):
        return None
    return CaptureInput(uri.partition(":")[2].removeprefix("//"), options)
