"""Fonts of the machine for names in any script; nothing is bundled."""

from __future__ import annotations

import logging
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

log = logging.getLogger(__name__)

Font = ImageFont.FreeTypeFont

# Where Debian, Ubuntu and Fedora keep them, for machines without fontconfig. Index 2 of the CJK
# collection is Simplified Chinese.
CJK = (
    (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"), 2),
    (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), 2),
    (Path("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc"), 2),
    (Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"), 0),
)
LATIN = (
    (Path("/usr/share/fonts/truetype/noto/NotoSans-Bold.ttf"), 0),
    (Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"), 0),
    (Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"), 0),
)
LAST_WESTERN = 0x24F
"""The last code point of Latin Extended-B, of which every font of `LATIN` has most."""


class KnownFonts(NamedTuple):
    """Where fonts may be on a machine without fontconfig: file and index in it, best first."""

    cjk: tuple[tuple[Path, int], ...] = CJK
    latin: tuple[tuple[Path, int], ...] = LATIN


KNOWN = KnownFonts()


def font_for(text: str, size_px: int, known: KnownFonts = KNOWN) -> Font:
    """Return a bold sans-serif font that has the text's characters, as far as the machine has one.

    Without any font, Pillow's own is used, which knows Western letters only; then it warns.
    """
    codes = frozenset(ord(c) for c in text if ord(c) > LAST_WESTERN and not c.isspace())
    found = _find(codes, known)
    if found is not None:
        try:
            return ImageFont.truetype(str(found[0]), size_px, index=found[1])
        except OSError as error:
            log.warning("%s: cannot be read as a font (%s)", found[0], error)
    own = ImageFont.load_default(size_px)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow: has no FreeType, install its wheel")  # noqa: TRY004
    return own


@cache
def _find(codes: frozenset[int], known: KnownFonts) -> tuple[Path, int] | None:
    """Return file and index of a font that has these code points, or None."""
    found = _ask_fontconfig(codes)
    if found is None:
        files = known.cjk if codes else known.latin + known.cjk
        found = next((entry for entry in files if entry[0].is_file()), None)
    if found is None and codes:
        shown = "".join(chr(c) for c in sorted(codes)[:8])
        log.warning(
            "no font has %s: names in this script show as boxes; install one, for instance "
            '"apt-get install fonts-noto-cjk fontconfig"',
            shown,
        )
    return found


def _ask_fontconfig(codes: frozenset[int]) -> tuple[Path, int] | None:
    """Return fontconfig's best bold sans-serif font for these code points."""
    command = shutil.which("fc-match")
    if command is None:
        return None
    charset = " ".join(f"{c:x}" for c in sorted(codes))
    # A charset alone is only a preference: the language list decides between fonts that have it.
    pattern = "sans-serif:bold" + (f":charset={charset}" if charset else "")
    arguments = [command, "--format", "%{file}\t%{index}\t%{charset}", pattern]
    try:
        done = subprocess.run(  # noqa: S603
            arguments, capture_output=True, text=True, check=False, timeout=10
        )
        file, index, have = done.stdout.split("\t")
    except (subprocess.TimeoutExpired, OSError, ValueError):
        return None
    path = Path(file)
    if not path.is_file() or not codes <= _parse_charset(have):
        return None
    return path, int(index) & 0xFFFF


def _parse_charset(text: str) -> set[int]:
    """Return the code points of fontconfig's `20-7e a0-17f …`."""
    codes: set[int] = set()
    for part in text.split():
        low, _, high = part.partition("-")
        codes.update(range(int(low, 16), int(high or low, 16) + 1))
    return codes
