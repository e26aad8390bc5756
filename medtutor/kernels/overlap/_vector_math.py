"""exp and ln(1 + x) as straight lines of arithmetic, which the compiler turns into vector code.

The scalar exp and log of the mathematics library are called once a number, seven times slower
than the loop around them. These are for the ranges that the losses need, in float32: within two
units in the last place. For float64 the library's own functions are taken.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

# No reordering here: the roundings below are meant as they stand. "contract" allows a fused
# multiply and add. The sums of the loops have their own, freer setting.
EXACT = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}

F, I = np.float32, np.int32  # noqa: E741
LOWEST = F(-86.0)  # e^-86 = 2^-124: half of it is not yet denormal, which would be slow
LOG2E = F(1.4426950408889634)
LN2_HIGH, LN2_LOW = F(0.693145751953125), F(1.428606765330187e-06)  # ln 2, its first 16 bits apart
HALF, ONE, TWO = F(0.5), F(1), F(2)

# e^r = 1 + r + r^2 (E0 + E1 r + ...) for |r| <= ln(2) / 2: relative error 3e-9.
E0, E1, E2, E3, E4 = (
    F(c) for c in (0.49999993050491964, 0.16666514789117076, 0.04166845683309941,
                   0.008369419043624074, 0.0013813142368176428)
)  # fmt: skip
# artanh(s) = s + s^3 (L0 + L1 s^2 + ...) for 0 <= s <= 1/3: relative error 1e-10.
L0, L1, L2, L3, L4 = (
    F(c) for c in (0.3333333378101957, 0.19999438869471578, 0.14308442448556974,
                   0.10713828428490617, 0.12150469076496266)
)  # fmt: skip


def exp_negative(x: float) -> float:
    """e^x for x <= 0; in float32 no less than e^-86, about 4.5e-38."""
    return math.exp(x)


def log1p_unit(x: float) -> float:
    """ln(1 + x) for 0 <= x <= 1."""
    return math.log1p(x)


def log1p_positive(x: float) -> float:
    """ln(1 + x) for x >= 0."""
    return math.log1p(x)


@overload(exp_negative, jit_options=EXACT)
def _exp_negative(x):  # noqa: ANN001, ANN202
    # e^x = 2^n e^r with n = x / ln 2 rounded, and 2^n written straight into the exponent's bits.
    def single(x):  # noqa: ANN001, ANN202
        x = max(x, LOWEST)
        n = I(x * LOG2E - HALF)
        r = (x - F(n) * LN2_HIGH) - F(n) * LN2_LOW
        series = ONE + (r + r * r * (E0 + r * (E1 + r * (E2 + r * (E3 + r * E4)))))
        return series * I((n + I(127)) << I(23)).view(np.float32)

    return single if x == types.float32 else lambda x: np.exp(x)


@overload(log1p_unit, jit_options=EXACT)
def _log1p_unit(x):  # noqa: ANN001, ANN202
    # ln(1 + x) = 2 artanh(x / (2 + x))
    def single(x):  # noqa: ANN001, ANN202
        s = x / (TWO + x)
        w = s * s
        series = L0 + w * (L1 + w * (L2 + w * (L3 + w * L4)))
        return TWO * (s + s * (w * series))

    return single if x == types.float32 else lambda x: np.log1p(x)


LN2 = F(math.log(2))


@overload(log1p_positive, jit_options=EXACT)
def _log1p_positive(x):  # noqa: ANN001, ANN202
    # With 2^n the power of two below 1 + x: n ln 2 + ln(1 + w), w = 2^-n x - (1 - 2^-n) in [0, 1].
    def single(x):  # noqa: ANN001, ANN202
        n = I((np.float32(ONE + x).view(np.int32) >> I(23)) - I(127))
        shrink = I((I(127) - n) << I(23)).view(np.float32)
        return F(n) * LN2 + log1p_unit(x * shrink - (ONE - shrink))

    return single if x == types.float32 else lambda x: np.log1p(x)


def odd_labels(label: np.ndarray) -> tuple[bool, bool]:
    """Whether a label of one channel is outside [0, 1] or NaN, and whether one is a fraction."""
    return bool((~((label >= 0) & (label <= 1))).any()), bool((label != label.round()).any())


@overload(odd_labels, jit_options={"fastmath": {"contract", "reassoc", "nsz"}})
def _odd_labels(label):  # noqa: ANN001, ANN202
    def whole(label):  # noqa: ANN001, ANN202
        bits = label.dtype.type(0)
        for i in range(label.shape[0]):
            bits |= label[i]
        return (bits | 1) != 1, False

    def real(label):  # noqa: ANN001, ANN202
        # t - t^2 is 0 for t of 0 and 1, negative outside, and not finite for what is not a number.
        zero = label.dtype.type(0)
        beyond, fraction = zero, zero
        for i in range(label.shape[0]):
            between = label[i] - label[i] * label[i]
            fraction += abs(between)
            beyond += min(between, zero)
        return not (beyond == zero and fraction < np.inf), fraction != zero

    return whole if isinstance(label.dtype, types.Integer) else real


def as_real(label: float, like: float) -> float:
    """A label as a floating number of the type of `like`; whole labels are small."""
    return float(label)


@overload(as_real, jit_options=EXACT)
def _as_real(label, like):  # noqa: ANN001, ANN202
    if isinstance(label, types.Integer):  # by 32 bits: many processors convert no longer ones
        return lambda label, like: type(like)(I(label))
    return lambda label, like: type(like)(label)


def as_class(label: int, like: float) -> float:
    """The number of a class as a floating number of the type of `like`; -1 if beyond 2^20."""
    return float(label)


@overload(as_class, jit_options=EXACT)
def _as_class(label, like):  # noqa: ANN001, ANN202
    return lambda label, like: type(like)(I(label) if 0 <= label < 1 << 20 else I(-1))
