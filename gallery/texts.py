"""Text that others wrote, made fit to be shown: in a terminal, on a page, in a log, in a picture.

A name can hold what moves a terminal's cursor, turns the direction of a line around, or begins a
new line of a log. Whatever comes from galleries, files and brokers passes `shown`, once: people
where a gallery is asked for one, errors and tables at the console, records at the log.
"""

from __future__ import annotations

import re

import msgspec

# Controls of C0 and C1; marks, embeddings, overrides and isolates of the bidirectional algorithm
# (UAX 9); line and paragraph separators; interlinear, invisible and tag characters; lone halves.
# The joiners U+200C and U+200D stay: Persian and Hindi cannot be written without them.
_UNSHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def shown(text: str, *, keep: str = "") -> str:
    r"""Return a text with every control and direction character written out: `\x1b`, `\u202e`.

    Args:
        text: of anybody.
        keep: characters that stay as they are, such as a newline of our own.
    """
    return _UNSHOWN.sub(lambda m: m[0] if m[0] in keep else _written(m[0]), text)


def brief(text: object, most: int = 300) -> str:
    """Return what a parser says of foreign bytes, which it may quote, as one short line."""
    whole = str(text)
    return shown(whole if len(whole) <= most else whole[:most] + "…")


def _written(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown_in(value: object) -> object:
    """Return a value of builtins with `shown` done to every text in it."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown_in(key): shown_in(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(shown_in(one) for one in value)
    if isinstance(value, msgspec.Struct):
        fields = {name: shown_in(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    return value
