"""Whatever is wrong with JSON is one kind of error."""

import msgspec
import pytest

from gallery.foreign_json import decode_json


class Loose(msgspec.Struct):
    a: str = ""


@pytest.mark.parametrize(
    "data",
    [
        b'{"x":' + b"[" * 100_000,
        b'{"x":' * 100_000,
        b"\xff",
        b'{"a":"\xc3\x28"}',
        b"",
        b"[1]",
        b'{"a":1}',
        b'{"a":"\\ud800"}',
        "\ud800",
    ],
)
def test_one_kind_of_error(data: bytes | str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_json(data, Loose)


def test_a_value_of_the_type() -> None:
    assert decode_json(b'{"a":"b","x":[[1]]}', Loose) == Loose("b")
