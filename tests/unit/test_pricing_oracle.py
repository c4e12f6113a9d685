"""Prices and volatilities against vollib, whose solver is Jaeckel's "Let's Be Rational"."""

import math
import random

import pytest
from vollib.black import undiscounted_black
from vollib.black.implied_volatility import implied_volatility_of_undiscounted_option_price

from src.pricing import black_call, implied_total_vol
from src.pricing_arrays import black_calls, implied_total_vols


def cases(count: int = 2000) -> list[tuple[float, float, float]]:
    """Same-day calls within five deviations of the money, worth a hundredth of a cent at least."""
    dice = random.Random(7)  # noqa: S311 - cases for a test
    found: list[tuple[float, float, float]] = []
    while len(found) < count:
        forward, vol = dice.uniform(200.0, 8000.0), math.exp(dice.uniform(-7.5, -1.5))
        strike = forward * math.exp(dice.uniform(-5.0, 5.0) * vol)
        if black_call(forward, strike, vol) - max(forward - strike, 0.0) > 1e-4:
            found.append((forward, strike, vol))
    return found


CASES = cases()


def test_a_price_is_that_of_vollib() -> None:
    for forward, strike, vol in CASES:
        known = undiscounted_black(forward, strike, vol, 1.0, "c")
        assert black_call(forward, strike, vol) == pytest.approx(known, rel=1e-12, abs=1e-9)


def test_an_implied_volatility_is_that_of_vollib_to_nine_places() -> None:
    for forward, strike, vol in CASES:
        price = black_call(forward, strike, vol)
        known = implied_volatility_of_undiscounted_option_price(price, forward, strike, 1.0, "c")
        assert implied_total_vol(forward, strike, price) == pytest.approx(known, abs=1e-9)


def test_many_at_once_are_those_of_vollib_to_nine_places() -> None:
    forwards, strikes, vols = zip(*CASES, strict=True)
    prices = black_calls(forwards, strikes, vols)
    known = [
        implied_volatility_of_undiscounted_option_price(float(price), forward, strike, 1.0, "c")
        for price, forward, strike in zip(prices, forwards, strikes, strict=True)
    ]
    assert implied_total_vols(forwards, strikes, prices) == pytest.approx(known, abs=1e-9)
