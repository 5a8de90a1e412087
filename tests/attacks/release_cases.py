"""Crafted releases: the release file and the templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gallery.store.release import Tombstone, encode_release
from tests.attacks.case import (
    case,
    each,
    put_at,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from tests.attacks.forge import Forgery

# release.json

each(
    "refused",
    "release",
    number_zero=lambda f, r: f.set(number=0),
    number_negative=lambda f, r: f.set(number=-int(r.integers(1, 99))),
    number_too_large=lambda f, r: f.set(number=10**30),
    number_of_another=lambda f, r: f.set(number=7_777_777),
    dim_zero=lambda f, r: f.set(dim=0),
    dim_huge=lambda f, r: f.set(dim=2**40),
    dim_other=lambda f, r: f.set(dim=int(r.integers(1, 127))),
    model_empty=lambda f, r: f.set(model=""),
    model_a_path=lambda f, r: f.set(model="../../etc/passwd"),
    model_long=lambda f, r: f.set(model="s" * 100_000),
    model_escapes=lambda f, r: f.set(model="sface\x1b[2J"),
    created_long=lambda f, r: f.set(created="2" * 1_000_000),
    created_escapes=lambda f, r: f.set(created="\x1b]0;owned\x07"),
    rows_one_more=lambda f, r: f.set_segment(rows=f.release.segments[0].rows + 1),
    rows_one_less=lambda f, r: f.set_segment(rows=f.release.segments[0].rows - 1),
    rows_huge=lambda f, r: f.set_segment(rows=2**62),
    rows_negative=lambda f, r: f.set_segment(rows=-5),
    people_one_more=lambda f, r: f.set_segment(people=f.release.segments[0].people + 1),
    people_one_less=lambda f, r: f.set_segment(people=f.release.segments[0].people - 1),
    people_zero=lambda f, r: f.set_segment(people=0),
    people_huge=lambda f, r: f.set_segment(people=2**62, rows=2**62),
    segment_twice=lambda f, r: f.set(segments=f.release.segments * 2),
    segments_300=lambda f, r: f.set(segments=f.release.segments * 300),
    tombstone_beyond=lambda f, r: f.set(tombstones=(Tombstone(0, 10**9, "x"),)),
    tombstone_of_no_segment=lambda f, r: f.set(tombstones=(Tombstone(9, 0, "x"),)),
    tombstone_negative=lambda f, r: f.set(tombstones=(Tombstone(0, -1, "x"),)),
    tombstone_of_another=lambda f, r: f.set(tombstones=(Tombstone(0, 0, "nobody"),)),
    tombstone_id_a_path=lambda f, r: f.set(tombstones=(Tombstone(0, 0, "../../x"),)),
    tombstone_id_long=lambda f, r: f.set(tombstones=(Tombstone(0, 0, "x" * 10**6),)),
    unsealed=lambda f, r: setattr(f, "raw", encode_release(f.release).replace(b"128", b"129")),
    empty=lambda f, r: setattr(f, "raw", b""),
    no_json=lambda f, r: setattr(f, "raw", r.bytes(2000)),
    deep=lambda f, r: setattr(f, "raw", b"[" * 200_000),
    infinite=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b'"dim": 128', b'"dim": 1e999')
    ),
    long_number=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b'"dim": 128', b'"dim": ' + b"1" * 100_000)
    ),
    another_key=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b'"dim"', b'"evil": 1, "dim"')
    ),
    no_utf8=lambda f, r: setattr(
        f, "raw", encode_release(f.release).replace(b"sface", b"\xff\xfe")
    ),
    cut=lambda f, r: setattr(f, "raw", encode_release(f.release)[: int(r.integers(1, 500))]),
)


@case()
def release_tombstone_twice(f: Forgery, _: Generator) -> None:
    first = str(f.rows()[0][1])
    f.set(tombstones=(Tombstone(0, 0, first), Tombstone(0, 0, first + "x")))


@case()
def release_tombstones_unsorted(f: Forgery, _: Generator) -> None:
    ids = [str(row[1]) for row in f.rows()]
    f.set(tombstones=(Tombstone(0, 2, ids[2]), Tombstone(0, 1, ids[1])))


@case()
def release_files_of_another_segment(f: Forgery, _: Generator) -> None:
    f.set_segment(0, people_file=f.release.segments[1].people_file)


@case()
def release_file_name_a_path(f: Forgery, _: Generator) -> None:
    info = f.release.segments[0].people_file
    name = "../../../../tmp/evil.sqlite"
    f.files[name] = f.files[info.name]
    f.set_segment(people_file=msgspec.structs.replace(info, name=name))


@case()
def release_crc_wrong(f: Forgery, rng: Generator) -> None:
    info = f.release.segments[0].templates_file
    f.set_segment(templates_file=msgspec.structs.replace(info, crc32=int(rng.integers(2**32))))


@case()
def release_size_wrong(f: Forgery, _: Generator) -> None:
    info = f.release.segments[0].templates_file
    f.set_segment(templates_file=msgspec.structs.replace(info, size=info.size + 1))


@case()
def release_larger_than_any_disk(f: Forgery, _: Generator) -> None:
    """Seven terabytes that are consistent with themselves."""
    base, rows = f.release.segments[0], 2**23
    fake = []
    for n in range(200):
        digest = f"{n:064x}"
        templates = msgspec.structs.replace(
            base.templates_file, name=f"{digest}.safetensors", sha256=digest, size=rows * 4091
        )
        fake.append(
            msgspec.structs.replace(base, templates_file=templates, rows=rows, people=rows // 2)
        )
    f.set(segments=tuple(fake), dim=4086)


# templates

each(
    "refused",
    "templates",
    scale_1e38=lambda f, r: f.set_array("scales", put_at(f.array("scales"), r, 1e38)),
    scales_all_1e38=lambda f, r: f.set_array("scales", f.array("scales") * 0 + np.float32(1e38)),
    scale_nan=lambda f, r: f.set_array("scales", put_at(f.array("scales"), r, np.nan)),
    scale_infinite=lambda f, r: f.set_array("scales", put_at(f.array("scales"), r, np.inf)),
    scale_zero=lambda f, r: f.set_array("scales", put_at(f.array("scales"), r, 0)),
    scale_negative=lambda f, r: f.set_array("scales", -f.array("scales")),
    scale_denormal=lambda f, r: f.set_array("scales", put_at(f.array("scales"), r, 1e-45)),
    scales_a_little_long=lambda f, r: f.set_array("scales", f.array("scales") * np.float32(1.01)),
    scales_ten_times=lambda f, r: f.set_array("scales", f.array("scales") * np.float32(10)),
    rows_zero=lambda f, r: f.set_array("rows", put_at(f.array("rows"), r, 0)),
    rows_minus_128=lambda f, r: f.set_array("rows", put_at(f.array("rows"), r, -128)),
    rows_all_127=lambda f, r: f.set_array("rows", put_at(f.array("rows"), r, 127)),
    count_zero=lambda f, r: f.set_array("counts", put_at(f.array("counts"), r, 0)),
    counts_255=lambda f, r: f.set_array("counts", f.array("counts") * 0 + np.uint8(255)),
    header_1e999=lambda f, r: f.set_header(_header(f).replace(b'"shape":[', b'"shape":[1e999,')),
    header_nan=lambda f, r: f.set_header(_header(f).replace(b'"shape":[', b'"shape":[NaN,')),
    header_of_strings=lambda f, r: f.set_header(_header(f).replace(b"[0,", b'["0",')),
    header_deep=lambda f, r: f.set_header(b"[" * 60_000),
    header_no_json=lambda f, r: f.set_header(r.bytes(800)),
    header_empty=lambda f, r: f.set_header(b"{}"),
    header_length_huge=lambda f, r: f.set_header(_header(f), 2**63),
    header_length_zero=lambda f, r: f.set_header(_header(f), 0),
    header_of_another_model=lambda f, r: f.set_header(_header(f).replace(b"sface", b"other")),
    header_longer=lambda f, r: f.set_header(_header(f) + b" " * 64),
    header_number_long=lambda f, r: f.set_header(
        _header(f).replace(b'"shape":[', b'"shape":[' + b"9" * 5000 + b",")
    ),
    overlap=lambda f, r: f.set_header(
        _header(f).replace(b'"data_offsets":[0,', b'"data_offsets":[1,')
    ),
    cut=lambda f, r: f.set_templates(f.templates()[: int(r.integers(1, len(f.templates())))]),
    bytes_after=lambda f, r: f.set_templates(f.templates() + r.bytes(10)),
    random=lambda f, r: f.set_templates(r.bytes(len(f.templates()))),
    centre_nan=lambda f, r: f.sketched(np.full(128, np.nan)),
    centre_infinite=lambda f, r: f.sketched(np.full(128, np.inf)),
)


def _header(f: Forgery) -> bytes:
    return f.form().header[8:]
