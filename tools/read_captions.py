"""Measure how well captions are read: composed lower thirds and credits over frames of a film.

    python tools/read_captions.py FILM [--people 1000] [--captions 120] [--json]
    python tools/read_captions.py demo [--fresh] [--seed 7]

Composed, not broadcast: plates and shadows of our own, names made of common given and family names,
English and Chinese, three fonts and three sizes, over frames of FILM at 1280x720 (a film, a folder
of pictures, or `demo`, the free programme of the demonstration); each also at half its size as
JPEG 35 and as H.264 at CRF 32. Strangers are other pairs of the same given and family names.
`--fresh` takes names and fonts that reading was not made with: accents, hyphens and apostrophes,
condensed, italic and monospaced letters. Prints how many enrolled names were found and how many
false ones, and what reading costs.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from caption_names import FONTS, FRESH_FONTS, FRESH_NAMES, NAMES, ROLES
from PIL import Image, ImageDraw, ImageFont, ImageOps

from edge.captions.names import CaptionNames
from edge.captions.reading import CREDIT_LINES, lower_part
from edge.demo.material import demo_material
from engines.text_reading.lines import TextModels, TextReader
from gallery.store.person import Person
from gallery.titles.match import NameIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from caption_names import Typeface
    from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 720
SIZES_PX = (30, 40, 54)


@dataclass(frozen=True)
class Caption:
    """What was written: a name, its language, a font and size, and how."""

    name: str
    lang: str
    font: Typeface
    size_px: int
    credits: bool


def names_of(
    lang: str, words_of: tuple[Sequence[str], Sequence[str]], chance: random.Random, count: int
) -> list[str]:
    """Return this many different names, made of first and of second words."""
    first, second = words_of
    found: dict[str, None] = {}
    while len(found) < count:
        if lang == "en":
            name = f"{chance.choice(first)} {chance.choice(second)}"
        else:
            name = chance.choice(first) + "".join(chance.sample(second, chance.choice((1, 2, 2))))
        found[name] = None
    return list(found)


def frames_of(film: Path, count: int) -> list[Image.Image]:
    """Return frames at regular distances; the pictures of a folder again and again."""
    if film.is_dir():
        pictures = [Image.open(path).convert("RGB") for path in sorted(film.iterdir())]
        filled = [ImageOps.fit(picture, (WIDTH, HEIGHT)) for picture in pictures]
        return [filled[i % len(filled)] for i in range(count)]
    with av.open(str(film)) as container:
        total = container.streams.video[0].frames or 250
        step = max(1, total // count)
        chosen = [f for i, f in enumerate(container.decode(video=0)) if i % step == 0]
    return [f.to_image().resize((WIDTH, HEIGHT)) for f in chosen[:count]]


def compose(frame: Image.Image, caption: Caption, others: list[str]) -> Image.Image:
    """Return a frame with a lower third, or with credits on black."""
    size, (file, index) = caption.size_px, caption.font
    font = ImageFont.truetype(str(file), size, index=index)
    if caption.credits:
        picture = Image.new("RGB", (WIDTH, HEIGHT))
        draw = ImageDraw.Draw(picture)
        for row, name in enumerate([*others[:4], caption.name, *others[4:6]]):
            draw.text((WIDTH // 3, 60 + row * 88), name, font=font, fill="white")
        return picture
    picture = frame.copy()
    draw = ImageDraw.Draw(picture)
    small = ImageFont.truetype(str(file), round(size * 0.6), index=index)
    if size != SIZES_PX[1]:
        draw.rectangle((60, 540, 760, 540 + 2.2 * size), fill=(24, 32, 88))
    style: dict[str, Any] = (
        {"stroke_width": 2, "stroke_fill": "black"} if size == SIZES_PX[1] else {}
    )
    shown = caption.name.upper() if size == SIZES_PX[2] else caption.name
    draw.text((80, 545), shown, font=font, fill="white", **style)
    role = ROLES[caption.lang][size % 3]
    draw.text((80, 545 + 1.25 * size), role, font=small, fill="white", **style)
    return picture


def degraded(picture: Image.Image) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the picture as it is, at half its size as JPEG 35, and as H.264 at CRF 32; BGR."""
    yield "as composed", np.asarray(picture)[..., ::-1].copy()
    buffer = io.BytesIO()
    picture.resize((WIDTH // 2, HEIGHT // 2)).save(buffer, "JPEG", quality=35)
    yield "half, JPEG 35", np.asarray(Image.open(buffer).convert("RGB"))[..., ::-1].copy()
    yield "H.264 CRF 32", through_h264(picture)


def through_h264(picture: Image.Image) -> NDArray[np.uint8]:
    """Return what a decoder makes of the third of three equal pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "32", "preset": "veryfast"}
        for _ in range(3):
            target.mux(stream.encode(av.VideoFrame.from_image(picture)))
        target.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as source:
        return list(source.decode(video=0))[-1].to_ndarray(format="bgr24")


def read(
    reader: TextReader, names: CaptionNames, bgr: NDArray[np.uint8], *, nobody: bool = False
) -> set[str]:
    """Return whom a picture names, as `edge.captions.reading` does; `nobody` is seen in credits."""
    lines = reader.read(lower_part(bgr))
    if nobody and len(lines) >= CREDIT_LINES:
        lines = reader.read(bgr)
    return {person for line in lines for person in names.named(line.text)}


def measure(
    film: Path, people: int, captions: int, seed: int = 7, *, fresh: bool = False
) -> dict[str, Any]:
    """Return the figures."""
    chance = random.Random(seed)
    fonts, words_of = (FRESH_FONTS, FRESH_NAMES) if fresh else (FONTS, NAMES)
    pools = {lang: names_of(lang, words_of[lang], chance, people) for lang in ("en", "zh")}
    enrolled = {lang: pool[: people // 2] for lang, pool in pools.items()}
    strangers = {lang: pool[people // 2 :] for lang, pool in pools.items()}
    named = [(n, lang) for lang in enrolled for n in enrolled[lang]]
    ids = {f"p{i}": name for i, (name, _) in enumerate(named)}
    index = NameIndex(Person(i, {lang: name}) for i, (name, lang) in zip(ids, named, strict=True))
    names, reader = CaptionNames(index), TextReader(TextModels())
    frames = frames_of(film, 60)
    found: Counter[tuple[str, str]] = Counter()
    asked: Counter[tuple[str, str]] = Counter()
    false: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(captions):
        lang = ("en", "zh")[number % 2]
        kind = number % 4 >= 2
        font, size = fonts[lang][number // 4 % 3], SIZES_PX[number // 12 % 3]
        caption = Caption(chance.choice(enrolled[lang]), lang, font, size, kind)
        others = chance.sample(strangers[lang], 6)
        picture = compose(frames[number % len(frames)], caption, others)
        for how, bgr in degraded(picture):
            key = (f"{lang}, {'credits' if kind else 'lower third'}", how)
            seen = {ids[i] for i in read(reader, names, bgr, nobody=kind)}
            asked[key] += 1
            found[key] += caption.name in seen
            false[how] += len(seen - {caption.name})
            if caption.name not in seen:
                missed.append(f"{key}: {caption.name}, {font.file.name} {size}")
    for number in range(60):
        lang = ("en", "zh")[number % 2]
        font, size = fonts[lang][number // 2 % 3], SIZES_PX[number // 6 % 3]
        caption = Caption(chance.choice(strangers[lang]), lang, font, size, credits=False)
        picture = compose(frames[number % len(frames)], caption, [])
        for how, bgr in degraded(picture):
            false[f"of 60 strangers, {how}"] += len(read(reader, names, bgr))
    cost: dict[str, list[float]] = {"without text": [], "lower third": []}
    plain = frames_of(film, 100)
    for number, frame in enumerate(plain):
        bgr = np.asarray(frame)[..., ::-1].copy()
        begun = time.thread_time()
        false[f"of {len(plain)} frames without text"] += len(read(reader, names, bgr))
        cost["without text"].append(time.thread_time() - begun)
        caption = Caption(enrolled["en"][number], "en", fonts["en"][0], 40, credits=False)
        bgr = np.asarray(compose(frame, caption, []))[..., ::-1].copy()
        begun = time.thread_time()
        reader.read(lower_part(bgr))
        cost["lower third"].append(time.thread_time() - begun)
    return {
        "people": len(ids),
        "read": {f"{k}; {how}": [found[k, how], asked[k, how]] for k, how in sorted(asked)},
        "share": sum(found.values()) / sum(asked.values()),
        "false": dict(false),
        "cpu_ms": {what: round(1000 * float(np.median(s)), 1) for what, s in cost.items()},
        "missed": missed,
    }


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--captions", type=int, default=120)
    parser.add_argument("--fresh", action="store_true", help="other names and fonts")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    film = demo_material()[1] if str(args.film) == "demo" else args.film
    figures = measure(film, args.people, args.captions, args.seed, fresh=args.fresh)
    if args.json:
        print(json.dumps(figures, ensure_ascii=False))
        return 0
    print(f"{figures['people']} people enrolled; read in all: {figures['share']:.1%}")
    for what, (right, all_) in figures["read"].items():
        print(f"  {what}: {right} of {all_}")
    print("false names:", figures["false"])
    print("processor, ms a reading of the lower part at 720p:", figures["cpu_ms"])
    for line in figures["missed"]:
        print("  missed:", line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
