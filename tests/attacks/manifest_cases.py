"""Crafted releases: the manifest, what is good, and what chance makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from gallery.channel.manifest import Rollout, Source
from gallery.store.release import Tombstone, encode_release
from tests.attacks.case import (
    each,
    written,
)
from tests.attacks.forge import Forgery, table, versioned

if TYPE_CHECKING:
    from numpy.random import Generator

# the manifest


def _manifest(**fields: Any) -> Any:
    def change(f: Forgery, _: Generator) -> None:
        f.edit = lambda manifest: msgspec.structs.replace(manifest, **fields)

    return change


def _manifest_bytes(old: bytes, new: bytes) -> Any:
    def change(f: Forgery, _: Generator) -> None:
        f.manifest_raw = lambda data: data.replace(old, new)

    return change


def _one_file(**fields: Any) -> Any:
    def change(f: Forgery, _: Generator) -> None:
        f.manifest_raw = lambda data: _edit_file(data, fields)

    return change


def _edit_file(data: bytes, fields: dict[str, Any]) -> bytes:
    manifest = json.loads(data)
    manifest["files"][1].update(fields)
    return json.dumps(manifest).encode()


each(
    "refused",
    "manifest",
    model_other=_manifest(model="other-1"),
    model_long=_manifest(model="s" * 10_000),
    dim_other=_manifest(dim=64),
    created_long=_manifest(created="2" * 100_000),
    sources_many=_manifest(sources=(Source("https", "https://x"),) * 1000),
    url_long=_manifest(sources=(Source("https", "https://" + "x" * 10_000),)),
    salt_long=_manifest(rollout=Rollout(salt="s" * 10_000)),
    content_negative=_manifest(content=-5),
    no_json=_manifest_bytes(b"{", b"["),
    infinite=_manifest_bytes(b'"dim":128', b'"dim":1e999'),
    long_number=_manifest_bytes(b'"dim":128', b'"dim":' + b"1" * 100_000),
    another_key=_manifest_bytes(b'"dim"', b'"evil":1,"dim"'),
    format_2=_manifest_bytes(b'"format":1', b'"format":2'),
    no_utf8=_manifest_bytes(b"sface", b"\xff\xfe"),
    file_a_path=_one_file(path="../../../../tmp/evil"),
    file_hidden=_one_file(path=".current"),
    file_size_more=_one_file(size=123_456),
    file_size_negative=_one_file(size=-1),
    file_of_a_terabyte=_one_file(size=1 << 40),
    file_chunk_zero=_one_file(chunk_size=0),
    file_hash_other=_one_file(sha256="ab" * 32),
    file_twice=_one_file(path="release.json"),
    deep=lambda f, r: setattr(f, "manifest_raw", lambda _: b"[" * 100_000),
    files_none=lambda f, r: setattr(f, "edit", lambda m: msgspec.structs.replace(m, files=())),
    file_more=lambda f, r: setattr(
        f,
        "edit",
        lambda m: msgspec.structs.replace(
            m, files=(*m.files, msgspec.structs.replace(m.files[0], path="more"))
        ),
    ),
    file_less=lambda f, r: setattr(
        f, "edit", lambda m: msgspec.structs.replace(m, files=m.files[:-1])
    ),
)


# What is good, and has to get through; and what chance makes.

each(
    "installed",
    "good",
    as_it_is=lambda f, r: None,
    nobody=lambda f, r: f.set(segments=(), tombstones=()),
    one_segment=lambda f, r: f.set(segments=f.release.segments[:1]),
    somebody_removed=lambda f, r: f.set(tombstones=(Tombstone(0, 1, str(f.rows()[1][1])),)),
    all_removed=lambda f, r: f.set(
        tombstones=tuple(
            Tombstone(s, int(row[0]), str(row[1])) for s in (0, 1) for row in f.rows(s)
        )
    ),
    texts_of_all_scripts=lambda f, r: f.set_rows(
        [(*row[:2], _spoken(str(row[2])), row[3]) if row[0] == 3 else row for row in f.rows()]
    ),
)


def _spoken(record: str) -> str:
    found = json.loads(record)
    found["names"] = {
        "en": "[/b]\x1b[31m",
        "zh-Hant": "名字",
        "ar": "\u202e\u0627\u0633\u0645",
        "hi": "नाम",
    }
    found["biography"] = {"en": "x" * 16_000}
    return written(found)


def _flip(data: bytes, rng: Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


each(
    "either",
    "chance",
    templates=lambda f, r: f.set_templates(_flip(f.templates(), r)),
    people=lambda f, r: f.set_people(_flip(f.people(), r)),
    people_head=lambda f, r: f.set_people(_flip(f.people()[:4096], r) + f.people()[4096:]),
    release=lambda f, r: setattr(f, "raw", _flip(encode_release(f.release), r)),
    manifest=lambda f, r: setattr(f, "manifest_raw", lambda data: _flip(data, r)),
    scales=lambda f, r: f.set_array(
        "scales", r.uniform(0, 0.02, len(f.array("scales"))).astype(np.float32)
    ),
    page_shuffled=lambda f, r: f.set_people(_shuffled(f.people(), r)),
    rows_shuffled=lambda f, r: f.set_people(
        table([f.rows()[i] for i in r.permutation(len(f.rows()))])
    ),
)


def _shuffled(data: bytes, rng: Generator) -> bytes:
    pages = [data[i : i + 4096] for i in range(4096, len(data), 4096)]
    return versioned(data[:4096] + b"".join(pages[i] for i in rng.permutation(len(pages))))
