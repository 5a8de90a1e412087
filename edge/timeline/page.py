"""The timeline as one self-contained HTML page: a bar per person, thumbnails, every appearance."""

from __future__ import annotations

import base64
from importlib import resources
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import jinja2

from edge.timeline.timeline import clock, one_line, timestamp
from engines.look import page_css

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.timeline.timeline import Appearances, Timeline

HUES = (186, 38, 268, 142, 346, 210, 84, 308, 18, 236)
TICKS = 8
NICE_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)

TEXTS = {
    "en": {
        "title": "Who appears when",
        "people": "people",
        "person": "person",
        "film": "film",
        "seen": "on screen",
        "times": "appearances",
        "once": "appearance",
        "nobody": "Nobody was named in this film.",
        "from": "from",
        "to": "to",
        "length": "length",
        "hint": "Open a person to see every appearance.",
    },
    "zh": {
        "title": "谁在何时出现",
        "people": "位人物",
        "person": "位人物",
        "film": "影片",
        "seen": "出镜",
        "times": "次出现",
        "once": "次出现",
        "nobody": "片中没有识别出任何人。",
        "from": "开始",
        "to": "结束",
        "length": "时长",
        "hint": "展开人物可查看每次出现。",
    },
}

MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}


def to_html(
    timeline: Timeline, thumbnails: Mapping[str, bytes] | None = None, *, lang: str = "en"
) -> str:
    """Return the page; it loads nothing from anywhere.

    Args:
        timeline: who appears when.
        thumbnails: JPEG, PNG or WebP by person's id; initials stand in for those that are missing.
        lang: of the page's own words, `en` or `zh`; others get English.
    """
    pictures = thumbnails or {}
    base = lang.partition("-")[0]
    duration = max(timeline.duration_s, *(p.intervals[-1].end_s for p in timeline.people), 1e-9)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        resources.files("edge.timeline").joinpath("page.html").read_text(encoding="utf-8")
    )
    return template.render(
        lang=lang,
        style=page_css(),
        texts=TEXTS.get(base, TEXTS["en"]),
        source=one_line(PurePath(timeline.source).name or timeline.source),
        duration=clock(duration),
        duration_s=duration,
        ticks=_ticks(duration),
        people=[
            _row(person, duration, HUES[n % len(HUES)], pictures.get(person.id, b""))
            for n, person in enumerate(timeline.people)
        ],
    )


def _row(person: Appearances, duration_s: float, hue: int, picture: bytes) -> dict[str, Any]:
    name = one_line(person.name)
    return {
        "name": name,
        "id": person.id,
        "hue": hue,
        "initials": _initials(name),
        "picture": data_uri(picture),
        "seen": f"{person.seconds:.1f} s" if person.seconds < 60 else clock(person.seconds),
        "share": f"{100 * min(1.0, person.seconds / duration_s):.0f} %",
        "count": len(person.intervals),
        "intervals": [
            {
                "left": f"{100 * max(0.0, i.start_s) / duration_s:.4f}",
                "width": f"{100 * i.seconds / duration_s:.4f}",
                "start": timestamp(i.start_s),
                "end": timestamp(i.end_s),
                "seconds": f"{i.seconds:.2f} s",
            }
            for i in person.intervals
        ],
    }


def _ticks(duration_s: float) -> list[dict[str, str]]:
    step = next((s for s in NICE_STEPS_S if duration_s / s <= TICKS), None)
    step = step or -(-int(duration_s) // (TICKS * 3600)) * 3600
    count = int(duration_s // step) + 1
    return [
        {"left": f"{100 * n * step / duration_s:.4f}", "text": clock(n * step)}
        for n in range(count)
    ]


def _initials(name: str) -> str:
    words = name.split()
    if not words:
        return "?"
    # One character is enough in scripts in which each writes a syllable.
    if len(words) == 1 or ord(words[0][0]) > 0x2E80:
        return words[0][0].upper()
    return (words[0][0] + words[-1][0]).upper()


def data_uri(picture: bytes) -> str:
    """Return a picture as a data URI; an empty text for none and for what is no picture."""
    kind = next((k for magic, k in MAGIC.items() if picture.startswith(magic)), "")
    return f"data:{kind};base64,{base64.b64encode(picture).decode()}" if kind else ""
