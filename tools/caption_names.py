"""Names and typefaces that `tools/read_captions.py` composes captions of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

NOTO = Path("/usr/share/fonts/opentype/noto")
DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
NOTO_LATIN = Path("/usr/share/fonts/truetype/noto")
SIMPLIFIED, TRADITIONAL, MONOSPACED = 2, 3, 7
"""Fonts within Noto's collections of Chinese, Japanese and Korean."""


class Typeface(NamedTuple):
    """A font's file, and its number within it."""

    file: Path
    index: int = 0


FONTS = {
    "en": (
        Typeface(DEJAVU / "DejaVuSans-Bold.ttf"),
        Typeface(DEJAVU / "DejaVuSerif.ttf"),
        Typeface(NOTO / "NotoSansCJK-Regular.ttc", SIMPLIFIED),
    ),
    "zh": (
        Typeface(NOTO / "NotoSansCJK-Regular.ttc", SIMPLIFIED),
        Typeface(NOTO / "NotoSerifCJK-Bold.ttc", SIMPLIFIED),
        Typeface(NOTO / "NotoSansCJK-Bold.ttc", SIMPLIFIED),
    ),
}
FRESH_FONTS = {
    "en": (
        Typeface(NOTO_LATIN / "NotoSans-Regular.ttf"),
        Typeface(NOTO_LATIN / "NotoSerif-BoldItalic.ttf"),
        Typeface(DEJAVU / "DejaVuSansCondensed-Bold.ttf"),
    ),
    "zh": (
        Typeface(NOTO / "NotoSerifCJK-Regular.ttc", SIMPLIFIED),
        Typeface(NOTO / "NotoSansCJK-Bold.ttc", TRADITIONAL),
        Typeface(NOTO / "NotoSansCJK-Regular.ttc", MONOSPACED),
    ),
}


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


GIVEN = words(
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara "
    "Richard Susan Joseph Jessica Thomas Sarah Carlos Ingrid Daniel Nancy Mateo Lisa Anders "
    "Sandra Marie Ashley Steven Emily Paul Donna Andrew Michelle Joshua Dorothy Kenneth "
    "Carol Kevin Amanda "
)
FAMILY = words(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez "
    "Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson "
    "White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott "
    "Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell "
    "Carter Roberts "
)
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
LETTERS = "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀兰霞平刚桂英华玉萍红建文国庆志海春梅晓东雪婷宇浩子轩"
FRESH_GIVEN = words(
    "Siân Zoë Renée Björn Søren Nuño Agnès François Łukasz Émilie Ingeborg Lin-Manuel Jean-Luc "
    "Mary-Kate Oluwaseun Chiwetel Saoirse Niamh Priyanka Rajesh Yuki Haruto Nguyệt Tomáš Dvora "
    "Giulia Beatriz Khadija Mahershala Lupita Gwendoline Cuthbert Anaïs Ximena Tuğba "
)
FRESH_FAMILY = words(
    "O'Connor D'Angelo Østergård Müller-Stahl Kovačević Dvořák Świątek Núñez Bärthel Lindqvist "
    "Okonkwo Adébáyò Nyong'o Chopra Venkataraman Takahashi Watanabe Fernández-Vega Papadopoulos "
    "Van-Damme McAllister Fitzgerald Szymański Bjørnstad Ferreira Abdullahi Brzezinski Whitmore "
    "Quill Xu Zapata "
)
FRESH_SURNAMES = (
    "于董萧程蔡彭潘袁蒋余杜叶魏苏吕丁沈任姚卢傅钟姜崔谭廖"
    "范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷"
)
FRESH_LETTERS = "慧鑫妍琳佳欣怡颖嘉豪俊峰凯瑞泽楠梓涵睿诗琪可心然博远航翔宁悦彤琦璐菲思源墨若溪"
NAMES = {
    "en": (GIVEN, FAMILY),
    "zh": (tuple(SURNAMES), tuple(LETTERS)),
}
FRESH_NAMES = {
    "en": (FRESH_GIVEN, FRESH_FAMILY),
    "zh": (tuple(FRESH_SURNAMES), tuple(FRESH_LETTERS)),
}
ROLES = {"en": ("Journalist", "Professor of Law", "Minister"), "zh": ("记者", "教授", "演员")}
