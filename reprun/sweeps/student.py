"""Confidence intervals of means, by Student's distribution.

The distribution function comes from the incomplete beta function (Abramowitz and Stegun, Handbook of Mathematical Functions,
26.7.1 and 26.5.8, with the continued fraction 26.5.8 evaluated by Lentz's method as in Press et al., Numerical Recipes, 6.4), and
its quantile by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_TINY = 1e-300


def interval(values: Sequence[float], level: float = 0.95) -> float | None:
    """Half the width of the confidence interval of the mean: t · s / √n. None for fewer than two values."""
    count = len(values)
    if count < 2:
        return None
    mean = math.fsum(values) / count
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return quantile(0.5 + level / 2, count - 1) * deviation / math.sqrt(count)


def quantile(p: float, freedom: int) -> float:
    """The value below which a share `p`, at least one half, of Student's distribution lies."""
    low, high = 0.0, 1.0
    while _upper_tail(high, freedom) > 1 - p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _upper_tail(middle, freedom) > 1 - p else (low, middle)
    return (low + high) / 2


def _upper_tail(t: float, freedom: int) -> float:
    return 0.5 * _beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 500):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + factor * d)
            c = _away(1 + factor / c)
            found *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return found


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
