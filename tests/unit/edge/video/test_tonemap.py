from __future__ import annotations

import numpy as np
import pytest

from edge.video.tonemap import BT2020, HLG, PQ, is_hdr, tone_map

BT709 = 1


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_brighter_stays_brighter_and_the_ends_stay(transfer: int) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    mapped = tone_map(ramp, transfer, BT709)[0, :, 0].astype(int)
    assert (np.diff(mapped) >= 0).all()
    assert mapped[0] == 0
    assert mapped[255] >= 250


@pytest.mark.parametrize(("transfer", "code"), [(PQ, 0.5807), (HLG, 0.75)])
def test_diffuse_white_lands_at_four_fifths(transfer: int, code: float) -> None:
    white = np.full((1, 1, 3), round(code * 255), np.uint8)
    assert tone_map(white, transfer, BT709)[0, 0] == pytest.approx(0.8 * 255, abs=4)


def test_grey_stays_grey_when_the_gamut_changes() -> None:
    grey = np.full((1, 1, 3), 120, np.uint8)
    assert np.ptp(tone_map(grey, PQ, BT2020)) <= 1


@pytest.mark.parametrize(
    "skin_rgb", [(200, 150, 120), (120, 80, 60), (230, 190, 170), (90, 60, 45)]
)
def test_skin_keeps_its_colour(skin_rgb: tuple[int, int, int]) -> None:
    to_bt2020 = np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )
    nits = 203 * to_bt2020 @ (np.array(skin_rgb) / 255) ** 2.2
    power = (nits / 10_000) ** (2610 / 16384)
    code = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** (2523 / 32)
    bgr = np.round(code[::-1] * 255).astype(np.uint8)[None, None]
    mapped = tone_map(bgr, PQ, BT2020)[0, 0, ::-1]
    # 8-bit PQ has steps of about 4 in the middle of the range.
    np.testing.assert_allclose(mapped, 0.8 * np.array(skin_rgb), atol=5)


def test_what_is_hdr() -> None:
    assert [is_hdr(transfer) for transfer in (1, 2, PQ, HLG)] == [False, False, True, True]
