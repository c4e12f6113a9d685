"""Prices of many moments at once: the same digits as one by one."""

import math
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from src.pricing import black_call, implied_total_vol
from src.pricing_arrays import black_calls, erfc, implied_total_vols

PROJECT = Path(__file__).resolve().parents[2]
CASES = [
    (forward, forward * math.exp(z * vol), vol)
    for forward, z, vol in product(
        (600.25, 6002.5), np.linspace(-6.0, 6.0, 41), (2e-4, 0.003, 0.009, 0.03, 0.2)
    )
]


def test_the_error_function_is_that_of_the_standard_library() -> None:
    points = np.concatenate((np.linspace(-6.0, 26.0, 4001), [0.0, 0.46875, 4.0, -0.46875, -4.0]))
    known = np.array([math.erfc(each) for each in points])
    assert np.abs(erfc(points) / known - 1.0).max() < 2e-15


def test_prices_are_those_of_the_single_moment() -> None:
    f, k, vol = map(np.array, zip(*CASES, strict=True))
    known = np.array([black_call(*each) for each in CASES])
    assert np.allclose(black_calls(f, k, vol), known, rtol=0.0, atol=1e-11)


def test_volatilities_are_those_of_the_single_moment() -> None:
    f, k, vol = map(np.array, zip(*CASES, strict=True))
    prices = black_calls(f, k, vol)
    known = [implied_total_vol(*each) for each in zip(f, k, prices, strict=True)]
    expected = np.array([np.nan if each is None else each for each in known])
    assert np.allclose(implied_total_vols(f, k, prices), expected, rtol=1e-9, equal_nan=True)


def test_a_price_that_no_volatility_makes_is_not_a_number() -> None:
    found = implied_total_vols(600.0, 590.0, [9.0, 10.0, 12.0, 600.0, np.nan])
    assert np.isnan(found).tolist() == [True, False, False, True, True]
    assert found[1] == 0.0


def test_calls_without_volatility_are_worth_what_they_are_in_the_money() -> None:
    assert black_calls([610.0, 590.0], 600.0, 0.0).tolist() == [10.0, 0.0]


def test_shapes_broadcast() -> None:
    prices = black_calls(np.array([[600.0], [601.0]]), np.array([599.0, 600.0, 601.0]), 0.01)
    assert prices.shape == (2, 3)
    assert implied_total_vols([[600.0], [601.0]], [599.0, 600.0, 601.0], prices) == pytest.approx(
        0.01, rel=1e-9
    )


def test_a_trading_day_decides_without_loading_arrays() -> None:
    asked = "import sys, src.trading_day, src.explain; print('numpy' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", asked], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
