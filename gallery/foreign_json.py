"""JSON that others wrote."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode_json(data: bytes | str, kind: type[T]) -> T:
    """Return JSON as a value of a type.

    Raises:
        msgspec.DecodeError: it is no JSON of this type; also where it is no UTF-8, or so deep that
            the interpreter's stack would end, for which msgspec has errors of another kind.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except UnicodeError as error:
        raise msgspec.DecodeError(f"JSON is no UTF-8 ({error.reason})") from error  # type: ignore[attr-defined]
    except RecursionError as error:
        raise msgspec.DecodeError("JSON is nested too deep") from error
