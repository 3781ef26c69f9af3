"""Confidences: between 0 and 1, rising with the probability, whatever that is."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from infill.confidence import Logistic


@given(st.floats(0.05, 5), st.floats(-20, 20), st.floats(0, 1), st.floats(0, 1))
def test_more_probable_is_surer(slope: float, intercept: float, one: float, other: float) -> None:
    confidence = Logistic(slope, intercept)
    low, high = sorted((one, other))
    assert 0 <= confidence(low) <= confidence(high) <= 1


def test_it_is_the_logistic_of_the_logarithm() -> None:
    assert math.isclose(Logistic(1, 0)(0.5), 1 / 3)
    assert math.isclose(Logistic(0.5, 2)(1.0), 1 / (1 + math.exp(-2)))
    assert 0 < Logistic(1, 0)(0.0) < 1e-9
