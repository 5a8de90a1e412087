"""The EDID that a capture bridge shows to its source: up to 1080p, HDMI, two-channel sound."""

from __future__ import annotations

VICS = (16, 31, 34, 33, 32, 4, 19, 2, 17, 1)
"""CTA-861 codes: 1080p at 60, 50, 30, 25, 24; 720p at 60, 50; 480p, 576p
and 640x480. The first is best."""

HDMI_OUI = bytes((0x03, 0x0C, 0x00))


def build_edid() -> bytes:
    """Return 256 bytes: a base block and a CTA-861 extension, checksums right."""
    return _checked(_base()) + _checked(_extension())


def _checked(block: bytes) -> bytes:
    body = block.ljust(127, b"\0")
    return body + bytes((-sum(body) % 256,))


def _base() -> bytes:
    letters = [ord(letter) - 64 for letter in "TVR"]
    maker = (letters[0] << 10 | letters[1] << 5 | letters[2]).to_bytes(2, "big")
    return b"".join(
        (
            b"\0\xff\xff\xff\xff\xff\xff\0",
            maker,
            bytes((0x01, 0, 0, 0, 0, 0)),  # product and serial number
            bytes((0, 34)),  # made in 2024
            bytes((1, 3)),  # EDID 1.3
            bytes(
                (0x80, 0, 0, 120, 0x0E)
            ),  # digital, size unknown, gamma 2.2, sRGB, preferred timing first
            bytes((0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54)),  # sRGB's primaries
            bytes((0, 0, 0)),  # no established timings
            b"\x01" * 16,  # no standard timings
            _full_hd(),
            b"\0\0\0\xfc\0" + b"tvradar\n".ljust(13, b" "),
            b"\0\0\0\xfd\0" + bytes((24, 61, 15, 68, 15, 0, 0x0A)) + b" " * 6,  # limits, 150 MHz
            b"\0\0\0\x10\0" + bytes(13),
            bytes((1,)),  # one extension
        )
    )


def _full_hd() -> bytes:
    """Return the detailed timing of 1920x1080 at 60 Hz (CTA-861, VIC 16)."""
    clock_10khz = (14850).to_bytes(2, "little")
    horizontal = bytes((1920 & 255, 280 & 255, 1920 >> 8 << 4 | 280 >> 8))
    vertical = bytes((1080 & 255, 45, 1080 >> 8 << 4))
    syncs = bytes((88, 44, 4 << 4 | 5, 0))
    return clock_10khz + horizontal + vertical + syncs + bytes((0, 0, 0, 0, 0, 0x1E))


def _extension() -> bytes:
    blocks = b"".join(
        (
            bytes((2 << 5 | len(VICS), *VICS)),
            bytes((1 << 5 | 3, 1 << 3 | 1, 0x07, 0x07)),  # PCM, 2 channels, 32 to 48 kHz
            bytes((4 << 5 | 3, 0x01, 0, 0)),  # front left and right
            bytes((7 << 5 | 2, 0, 0x4A)),  # quantisation selectable, never overscanned
            bytes((3 << 5 | 5,)) + HDMI_OUI + bytes((0x10, 0x00)),  # HDMI, address 1.0.0.0
        )
    )
    return bytes((0x02, 0x03, 4 + len(blocks), 0xC1)) + blocks
