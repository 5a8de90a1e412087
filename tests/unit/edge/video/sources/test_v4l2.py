"""V4L2 against a constructed trace of ioctls (no device here); layouts as linux/videodev2.h."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from edge.errors import SourceError, SourceLostError, SourceMissingError
from edge.video.open import open_source
from edge.video.source import SourceOptions
from edge.video.sources import v4l2
from edge.video.sources.edid import build_edid
from edge.video.sources.v4l2 import Device, Signal, choose_format, prepare

if TYPE_CHECKING:
    from pathlib import Path

FULL_HD_50 = (1920, 1080, 0, 3, 148_500_000, 528, 44, 148, 4, 5, 36, 0, 0, 0)
FULL_HD_60I = (1920, 1080, 1, 3, 74_250_000, 88, 44, 148, 2, 5, 15, 2, 5, 16)


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@dataclass
class Bridge:
    """A kernel that answers as the tc358743 driver does, from a table."""

    driver: bytes = b"tegra-video"
    caps: int = 0x8520_0001
    device_caps: int = 0x0520_0001
    formats: tuple[bytes, ...] = (b"UYVY", b"BGR3", b"AR24")
    input_status: int = 0
    input_caps: int = v4l2.IN_CAP_DV_TIMINGS
    timings: tuple[int, ...] | int = FULL_HD_50
    edid: bytes = b""
    events: list[int] = field(default_factory=list)
    tells: bool = True
    log: list[int] = field(default_factory=list)
    timings_set: bytes = b""

    def __call__(self, request: int, buffer: bytearray) -> None:
        self.log.append(request)
        size = request >> 16 & 0x3FFF
        assert len(buffer) == size
        answer = {
            v4l2.QUERYCAP: self.query_capability,
            v4l2.ENUM_FMT: self.enum_format,
            v4l2.G_INPUT: lambda _: None,
            v4l2.ENUMINPUT: self.enum_input,
            v4l2.G_EDID: self.get_edid,
            v4l2.S_EDID: self.set_edid,
            v4l2.QUERY_DV_TIMINGS: self.query_timings,
            v4l2.S_DV_TIMINGS: self.set_timings,
            v4l2.SUBSCRIBE_EVENT: self.subscribe,
            v4l2.DQEVENT: self.take_event,
        }[request]
        answer(buffer)

    def query_capability(self, buffer: bytearray) -> None:
        struct.pack_into("@16s32s", buffer, 0, self.driver, b"vi-output, tc358743 9-000f")
        struct.pack_into("@II", buffer, 84, self.caps, self.device_caps)

    def enum_format(self, buffer: bytearray) -> None:
        index, kind = struct.unpack_from("@II", buffer)
        if kind != 1 or index >= len(self.formats):
            raise refuse(errno.EINVAL)
        buffer[44:48] = self.formats[index]

    def enum_input(self, buffer: bytearray) -> None:
        struct.pack_into("@II", buffer, 56, self.input_status, self.input_caps)

    def query_timings(self, buffer: bytearray) -> None:
        if isinstance(self.timings, int):
            raise refuse(self.timings)
        struct.pack_into("=IIIIIQ9I", buffer, 0, 0, *self.timings)

    def set_timings(self, buffer: bytearray) -> None:
        self.timings_set = bytes(buffer)

    def get_edid(self, buffer: bytearray) -> None:
        if not self.edid:
            raise refuse(errno.ENODATA)
        blocks, place = (
            struct.unpack_from("@I", buffer, 8)[0],
            struct.unpack_from("@P", buffer, 32)[0],
        )
        ctypes.memmove(place, self.edid, min(len(self.edid), 128 * blocks))

    def set_edid(self, buffer: bytearray) -> None:
        blocks, place = (
            struct.unpack_from("@I", buffer, 8)[0],
            struct.unpack_from("@P", buffer, 32)[0],
        )
        self.edid = ctypes.string_at(place, 128 * blocks)

    def subscribe(self, buffer: bytearray) -> None:
        assert struct.unpack_from("@I", buffer)[0] == 5
        if not self.tells:
            raise refuse(errno.ENOTTY)

    def take_event(self, buffer: bytearray) -> None:
        if not self.events:
            raise refuse(errno.ENOENT)
        struct.pack_into("@I", buffer, 0, self.events.pop(0))


STICK = {
    "driver": b"uvcvideo",
    "formats": (b"YUYV", b"MJPG"),
    "input_caps": 0,
    "timings": errno.ENOTTY,
}


@pytest.mark.skipif(struct.calcsize("@P") != 8, reason="the numbers are those of 64-bit Linux")
def test_ioctl_numbers_are_those_of_the_kernel() -> None:
    # Printed by a C program that includes <linux/videodev2.h> (6.1, x86_64; the same on aarch64).
    assert v4l2.QUERYCAP == 0x80685600
    assert v4l2.ENUM_FMT == 0xC0405602
    assert v4l2.ENUMINPUT == 0xC050561A
    assert v4l2.G_INPUT == 0x80045626
    assert v4l2.G_EDID == 0xC0285628
    assert v4l2.S_EDID == 0xC0285629
    assert v4l2.S_DV_TIMINGS == 0xC0845657
    assert v4l2.DQEVENT == 0x80885659
    assert v4l2.SUBSCRIBE_EVENT == 0x4020565A
    assert v4l2.QUERY_DV_TIMINGS == 0x80845663


def test_a_bridge_gets_an_edid_and_its_sources_timings() -> None:
    bridge = Bridge()
    settings = prepare(Device("/dev/video0", bridge), SourceOptions(fps=30, size=(640, 480)))
    assert settings == {"input_format": "uyvy422", "video_size": "1920x1080"}
    assert bridge.edid == build_edid()
    assert struct.unpack_from("=II", bridge.timings_set, 4) == (1920, 1080)
    assert bridge.log.index(v4l2.S_EDID) < bridge.log.index(v4l2.QUERY_DV_TIMINGS)


def test_an_edid_that_is_there_stays() -> None:
    bridge = Bridge(edid=b"\0\xff" * 64 + bytes(128))
    assert not Device("/dev/video0", bridge).ensure_edid()
    assert v4l2.S_EDID not in bridge.log


@pytest.mark.parametrize(
    ("timings", "signal"),
    [
        (FULL_HD_50, Signal("locked", (1920, 1080), 50.0)),
        (FULL_HD_60I, Signal("locked", (1920, 1080), 30.0, interlaced=True)),
        (errno.ENOLINK, Signal("no_signal")),
        (errno.ENOLCK, Signal("unstable")),
        (errno.ERANGE, Signal("out_of_range")),
    ],
)
def test_signals(timings: tuple[int, ...] | int, signal: Signal) -> None:
    found = Device("/dev/video0", Bridge(timings=timings)).signal()
    assert (found.state, found.size, found.interlaced) == (
        signal.state,
        signal.size,
        signal.interlaced,
    )
    assert found.fps == pytest.approx(signal.fps, abs=0.01)


@pytest.mark.parametrize(
    ("kwargs", "found"),
    [
        ({"timings": errno.ENOLINK}, "no signal"),
        ({"input_status": v4l2.IN_NO_SIGNAL}, "no signal"),
        ({"input_status": v4l2.IN_NO_ACCESS}, "HDCP"),
        ({"timings": errno.ENOLCK}, "not stable"),
        ({"timings": errno.ERANGE}, "cannot take"),
    ],
)
def test_no_picture_says_why(kwargs: dict[str, int], found: str) -> None:
    with pytest.raises(SourceLostError, match=found):
        prepare(Device("/dev/video0", Bridge(**kwargs)), SourceOptions())  # type: ignore[arg-type]


def test_a_stick_is_asked_for_jpeg_and_size() -> None:
    stick = Device("/dev/video0", Bridge(**STICK))  # type: ignore[arg-type]
    settings = prepare(stick, SourceOptions(size=(1920, 1080), fps=30))
    assert settings == {"input_format": "mjpeg", "video_size": "1920x1080", "framerate": "30"}
    assert choose_format(stick, "yuyv") == "yuyv"
    with pytest.raises(SourceError, match="has yuyv, mjpeg, expected nv12"):
        choose_format(stick, "nv12")


def test_a_device_without_a_format_of_ours() -> None:
    with pytest.raises(SourceError, match="no pixel format"):
        choose_format(Device("/dev/video0", Bridge(formats=(b"RG10",))), "auto")


def test_a_device_that_captures_nothing() -> None:
    with pytest.raises(SourceError, match="does not capture"):
        Device("/dev/video1", Bridge(device_caps=0x0480_0000))


def test_source_changes_are_told() -> None:
    device = Device("/dev/video0", Bridge(events=[1, 5, 1]))
    assert device.subscribe()
    assert device.source_changed()
    assert not device.source_changed()
    assert not Device("/dev/video0", Bridge(tells=False)).subscribe()


def test_no_such_device_and_no_device(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="no such device"):
        open_source("v4l2:///dev/video99")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceError, match="no V4L2 device"):
        open_source(f"v4l2://{tmp_path}/file")
    with pytest.raises(SourceError, match="no V4L2 device"):
        open_source("/dev/null")


def test_edid_checksums() -> None:
    edid = build_edid()
    assert len(edid) == 256
    assert sum(edid[:128]) % 256 == sum(edid[128:]) % 256 == 0
    assert edid[:8] == b"\0\xff\xff\xff\xff\xff\xff\0"
