"""Confidences: between 0 and 1, rising with the probability, whatever that is."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from infill.confidence import Beta

WEIGHTS = st.floats(0, 5)


@given(WEIGHTS, WEIGHTS, st.floats(-20, 20), st.floats(0, 1), st.floats(0, 1))
def test_more_probable_is_surer(a: float, b: float, c: float, one: float, other: float) -> None:
    confidence = Beta(a, b, c)
    low, high = sorted((one, other))
    assert 0 <= confidence(low) <= confidence(high) <= 1


def test_it_is_what_the_paper_says() -> None:
    assert math.isclose(Beta(1, 1, 0)(0.3), 0.3)
    assert math.isclose(Beta(1, 0, 0)(0.5), 1 / 3)
    assert math.isclose(Beta(0, 0, 2)(0.7), 1 / (1 + math.exp(-2)))
    assert 0 < Beta(1, 0, 0)(0.0) < 1e-9
    assert Beta(0, 1, 0)(1.0) > 0.99999
