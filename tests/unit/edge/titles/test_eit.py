from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.titles.eit import crc32, parse_eit
from edge.video.open import open_source
from gallery.errors import GalleryInputError
from gallery.titles.title import CastMember
from tests.unit.edge.titles import sections as make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.free import Free

NAME = b"\x15" + "Amélie".encode()
CAST = [(b"Director", b"Jean-Pierre Jeunet"), (b"Actors", b"Audrey Tautou (Am\xc2elie), Rufus")]
WHOLE = make.section(
    make.short_event(NAME, b"A film.") + make.extended_event([*CAST, (b"", b"Yolande Moreau")])
)


def test_reads_title_description_and_cast() -> None:
    title = parse_eit(WHOLE)
    assert title is not None
    assert title.names == ("Amélie",)
    assert title.cast == tuple(map(CastMember, ("Audrey Tautou", "Rufus", "Yolande Moreau")))
    assert "A film." in title.text
    assert "Jean-Pierre Jeunet" in title.text
    assert "(Amélie)" in title.text


def test_a_cast_goes_on_over_several_descriptors() -> None:
    found = make.section(
        make.short_event(b"Film")
        + make.extended_event([(b"Darsteller", b"Eins Erster")], number=0, last=1)
        + make.extended_event([(b"", b"Zwei Zweiter")], number=1, last=1)
    )
    title = parse_eit(found)
    assert title is not None
    assert [member.name for member in title.cast] == ["Eins Erster", "Zwei Zweiter"]


@pytest.mark.parametrize("head", [b"", b"\x15", b"\x10\x00\x02"])
def test_a_name_that_two_full_descriptors_share_is_one_name(head: bytes) -> None:
    """As senders fill them: 255 bytes each, then on in the next, in the middle of a word."""
    text = b"Word " * 46 + b"with Audrey Tautou, who is lost, and Rufus Sewell."
    room = 255 - len(head) - 6  # beside number, language and two lengths
    cast = (b"Yolande Moreau, " * 15)[: room - 7 - 8] + b", Audrey "
    for parts in (
        [([], text[:room]), ([], text[room:])],
        [([(b"Cast", cast[: room - 6])], b""), ([(b"", cast[room - 6 :] + b"Tautou")], b"")],
    ):
        found = parse_eit(
            make.section(
                make.short_event(b"Film")
                + b"".join(
                    make.extended_event(
                        [(what, head + said) for what, said in items],
                        head + said if (said := more) else b"",
                        number,
                        1,
                    )
                    for number, (items, more) in enumerate(parts)
                )
            )
        )
        assert found is not None
        assert "Audrey Tautou" in found.text


def test_lines_of_a_cast_are_names() -> None:
    listed = make.extended_event([(b"Darsteller", b"Audrey Tautou\x8aRufus\x8a")])
    found = parse_eit(make.section(make.short_event(b"Film") + listed))
    assert found is not None
    assert [member.name for member in found.cast] == ["Audrey Tautou", "Rufus"]


def test_only_what_is_on_now_and_of_the_service_counts() -> None:
    name = make.short_event(b"Film")
    assert parse_eit(make.section(name, number=1)) is None
    assert parse_eit(make.section(name, table=0x50)) is None
    assert parse_eit(make.section(name, current=0)) is None
    assert parse_eit(make.section(name, service=3), 4) is None
    assert parse_eit(make.section(name, service=4), 4) is not None
    assert parse_eit(make.section(b"")) is None


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        WHOLE[:10],
        WHOLE[:-1],
        WHOLE[:30] + b"X" + WHOLE[31:],
        make.section(b"\x4d\xff" + b"eng"),
        make.section(b"\x4d\x05eng\x40a"),
        make.section(b"\x4d"),
    ],
)
def test_a_damaged_section_is_refused_with_a_reason(damaged: bytes) -> None:
    with pytest.raises(GalleryInputError, match=r"EIT section: .*expected"):
        parse_eit(damaged)


def test_the_checksum_is_the_standard_s() -> None:
    assert crc32(b"123456789") == 0x0376E6E7  # of CRC-32/MPEG-2 in the catalogue of CRCs
    assert crc32(WHOLE) == 0


@given(st.binary(max_size=300))
def test_any_descriptors_are_read_or_refused(descriptors: bytes) -> None:
    try:
        title = parse_eit(make.section(descriptors))
    except GalleryInputError:
        return
    assert title is None or all(title.names)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(place: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= change
    with pytest.raises(GalleryInputError):
        parse_eit(bytes(data))


def test_a_transport_stream_tells_what_is_on(free: Free, tmp_path: Path) -> None:
    """The sections come through FFmpeg's demuxer, with what is on next and another service's."""
    plain = tmp_path / "plain.ts"
    with av.open(str(free.clip)) as source, av.open(str(plain), "w", format="mpegts") as target:
        video = source.streams.video[0]
        stream = target.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = plain.read_bytes()
    following = make.section(make.short_event(b"Next"), number=1)
    told = tmp_path / "told.ts"
    middle = len(data) // 188 // 2 * 188
    told.write_bytes(
        data[: 188 * 8]
        + make.packets(make.section(make.short_event(b"News")))
        + data[188 * 8 : middle]
        + make.packets(WHOLE, 1)
        + make.packets(following, 1 + len(make.packets(WHOLE)) // 188)
        + data[middle:]
    )
    names = []
    with open_source(str(told)) as source:
        frames = 0
        for _ in source:
            frames += 1
            (section,) = source.stats.eit
            title = parse_eit(section)
            assert title is not None
            names.append(title.names[0])
    with open_source(str(plain)) as source:
        assert sum(1 for _ in source) == frames
        assert source.stats.eit == ()
    assert list(dict.fromkeys(names)) == ["News", "Amélie"]
