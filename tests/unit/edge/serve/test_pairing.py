"""Telephones are let in by the code on the screen, once, soon, and not by guessing."""

from __future__ import annotations

import pytest

from edge.serve.pairing import (
    AGAIN_S,
    CODE_S,
    GUESSES,
    GUESSES_AN_HOUR,
    HOUR_S,
    MOST_PHONES,
    PAIRED_S,
    Pairing,
)


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def pairing(now: list[float]) -> Pairing:
    return Pairing(lambda: now[0])


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_a_code_lets_one_telephone_in(pairing: Pairing, now: list[float]) -> None:
    assert pairing.redeem("") == pairing.redeem("000000") == ""
    code = pairing.show_code()
    assert len(code) == 6
    secret = pairing.redeem(code)
    assert len(secret) >= 32
    assert pairing.knows(secret)
    assert not pairing.knows("")
    assert pairing.redeem(code) == ""
    now[0] += PAIRED_S + 1
    assert not pairing.knows(secret)


def test_a_code_dies_with_time_and_with_wrong_guesses(pairing: Pairing, now: list[float]) -> None:
    code = pairing.show_code()
    now[0] += CODE_S + 1
    assert pairing.redeem(code) == ""
    code = pairing.show_code()
    for _ in range(GUESSES):
        assert pairing.redeem(other(code)) == ""
    assert pairing.redeem(code) == ""


def test_whoever_goes_on_guessing_ends_pairing_for_an_hour(
    pairing: Pairing, now: list[float]
) -> None:
    for _ in range(GUESSES_AN_HOUR // GUESSES):
        now[0] += AGAIN_S
        code = pairing.show_code()
        for _ in range(GUESSES):
            pairing.redeem(other(code))
    now[0] += AGAIN_S
    assert pairing.show_code() == ""
    now[0] += HOUR_S
    assert pairing.redeem(pairing.show_code())


def test_codes_come_seldom_and_telephones_are_few(pairing: Pairing, now: list[float]) -> None:
    first = pairing.redeem(pairing.show_code())
    assert pairing.show_code() == ""
    for _ in range(MOST_PHONES):
        now[0] += AGAIN_S
        newest = pairing.redeem(pairing.show_code())
    assert not pairing.knows(first)
    assert pairing.knows(newest)
    pairing.forget()
    assert not pairing.knows(newest)
