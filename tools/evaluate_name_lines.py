"""Measure which captions of people who are not enrolled `run` tells, and what else.

    python tools/evaluate_name_lines.py FILM|demo [--seed 41]

Composed, not broadcast: lower thirds of names and of roles below them, in the fonts and of the
names that reading was not made with (`caption_names.py`), and other texts that stand there, over
frames of FILM at 1280x720: headlines in capitals, as written and below a smaller line, scores,
times, tickers, logos, places, roles and titles. The others were written once, after the rule, and
are hard on it: most headlines and titles begin with a word that is a given name, too.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from caption_names import FRESH_FONTS, FRESH_NAMES, ROLES
from PIL import ImageDraw, ImageFont
from read_captions import frames_of, names_of

from edge.captions.name_like import shown_names
from edge.captions.reading import lower_part
from edge.demo.material import demo_material
from engines.text_reading.lines import TextModels, TextReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

EACH = 40
HEADLINES = """
Senate passes budget after long debate|Storm leaves thousands without power|Rail strike enters
day three|Markets fall on rate fears|Victoria line closed until Monday|Jordan signs water
treaty|Chelsea sign young striker|Paris prepares for summer games|Georgia votes in close
race|Fires spread near Austin|Grace period for tax returns ends|Mark set to lose more value|Rose
sales hit record high|Max fines for speeding doubled|Charlotte opens new airport|Virginia floods
worsen|Hope fades for miners|Penny dropped from currency|Bill to cut waste passes|Frank talks in
Geneva|May rains break record|Dallas beat Denver|Jack pot hits record|Will prices fall|Orlando
parks reopen|Angel investors retreat
"""
OTHERS = {
    "scores": """
GER 2 : 1 BRA|LAL 98 - BOS 101|6-4 7-6 3-2|HOME 14 AWAY 10|1st & 10|3:2 (1:1)|SET 2 40-15
""",
    "times": """
21:45|LIVE 09:30 GMT|Tomorrow, 8 pm|Mon 24 Nov|-3°C London 12°C Rome|00:12:45|Sunday Night
""",
    "logos": """
CNN|BBC NEWS|tvradar HD|Channel Four|Sky Sports Arena|Euro News Now|France Info|Fox Kids
""",
    "places": """
New York|Buenos Aires|Los Angeles|Rio de Janeiro|Santiago, Chile|San Marino|Cape Town|Port
Elizabeth|Victoria Falls|Sydney Harbour|Saint Helena|Alice Springs|Jackson Hole|Santa Ana
""",
    "roles": """
Chief Economist|Eye Witness|Minister of Health|Head Coach|Political Editor|Trade Union
Leader|Fan of the Band|Former Pilot|Art Dealer|Film Critic|Royal Correspondent|Major General
""",
    "titles": """
Grace and Frankie|Law & Order|Doctor Who|Peaky Blinders|Mary Poppins Returns|Jane Eyre|Good
Morning America|Game of Thrones|Mad Men|Steel Magnolias|Morgan Stanley|Ally McBeal|Max
Mara|Rosemary Garlic Chicken|Summer Breeze|Charlotte Hornets|Martin Luther|Hannah Montana
""",
    "Chinese": """
新闻联播|高清直播|北京 晴|比分 2:1|今日关注|焦点访谈|江苏卫视|天气预报|时事|广告|安全第一|成都
""",
}


def drawn(frame: Image.Image, lines: list[tuple[str, float]], lang: str, turn: int) -> Image.Image:
    """Return a frame with lines in its lower part, each of a share of the turn's size."""
    picture = frame.copy()
    draw, (file, index) = ImageDraw.Draw(picture), FRESH_FONTS[lang][turn % 3]
    size = (30, 40, 54)[turn // 3 % 3]
    draw.rectangle((60, 530, 1220, 560 + 2.3 * size), fill=((24, 32, 88), (120, 12, 20))[turn % 2])
    top = 538.0
    for text, share in lines:
        font = ImageFont.truetype(str(file), round(size * share), index=index)
        draw.text((80, top), text, font=font, fill="white")
        top += 1.3 * size * share
    return picture


def captions(chance: random.Random) -> Iterator[tuple[str, str, list[tuple[str, float]]]]:
    """Yield what is drawn: its kind, language, and lines with their sizes, the first is meant."""
    for lang in ("en", "zh"):
        for name in names_of(lang, FRESH_NAMES[lang], chance, 2 * EACH):
            shown = name.upper() if chance.random() < 0.3 else name
            role = [(chance.choice(ROLES[lang]), 0.6)] if chance.random() < 0.7 else []
            yield f"names, {lang}", lang, [(shown, 1.0), *role]
    for line in " ".join(HEADLINES.split("\n")).strip().split("|"):
        yield "headlines, as written", "en", [(line, 0.9)]
        yield "headlines, capitals", "en", [(line.upper(), 0.8)]
        yield "headlines, each word large", "en", [(line.title(), 0.8), ("More at ten", 0.6)]
        yield "headlines below a line", "en", [("Special report", 0.6), (line.title(), 0.8)]
        yield (
            "tickers",
            "en",
            [(f"{line} +++ {chance.choice(ROLES['en'])} resigns +++ {line}", 0.6)],
        )
    for kind, texts in OTHERS.items():
        for text in " ".join(texts.split("\n")).strip().split("|"):
            lang = "zh" if kind == "Chinese" else "en"
            yield kind, lang, [(text, 1.0)]
            yield (
                f"{kind}, a line below",
                lang,
                [(text, 1.0), ("Update" if lang == "en" else "报道", 0.6)],
            )


def main() -> int:
    """Print how many of each kind are told."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--seed", type=int, default=41)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    film = demo_material()[1] if str(args.film) == "demo" else args.film
    frames, reader = frames_of(film, 60), TextReader(TextModels())
    told: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for turn, (kind, lang, lines) in enumerate(captions(random.Random(args.seed))):
        picture = drawn(frames[turn % len(frames)], lines, lang, turn)
        found = reader.read(lower_part(np.asarray(picture)[..., ::-1].copy()))
        counts[kind] = counts.get(kind, 0) + 1
        told.setdefault(kind, []).extend(shown_names(found))
    for kind, count in counts.items():
        examples = "" if kind.startswith("names") else "; ".join(dict.fromkeys(told[kind]))
        print(f"{kind}: {len(told[kind])} of {count} {examples}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
