"""Slopes and ratios of a few estimates, with all that is known of their errors."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from matsense.fitting.estimate import Estimate, pooled_dof

Vector = Float[np.ndarray, " n"]


class Readings(NamedTuple):
    """Estimates as arrays: value, standard error and its degrees of freedom, reach either way."""

    z: Vector
    se: Vector
    dof: Vector
    below: Vector
    above: Vector

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> "Readings":
        """The estimates as they are."""
        rows = [(e.value, e.se, e.dof, e.below, e.above) for e in estimates]
        return cls(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))

    @property
    def exact(self) -> bool:
        """Whether these numbers carry no error at all."""
        return not np.any(self.se) and not np.any(self.below) and not np.any(self.above)


def logarithms(estimates: Sequence[Estimate]) -> Readings | Estimate:
    """Logarithms of positive estimates; an answer at once where there is no logarithm.

    The ends of the 95% interval stay where they are, and no number is sure to be positive whose
    interval reaches 0: its logarithm has no lower end. (The interval of a logarithm is skewed;
    what the symmetric one lacks below is added to `below`.) Of an estimate that noise alone can
    bring to 0, or that is less, the upper end is all that has a logarithm.

    A number that is surely 0 (another law) beside one that surely is not is no power of anything:
    the answer is then +inf, beyond any. Without such a one nothing is known.
    """
    rows, never = [], 0
    for e in estimates:
        half = 0.0 if math.isnan(e.se) else e.half_width()
        top = e.value + e.above + half
        if math.isinf(e.value) or top <= 0:
            never += 1
        elif e.value <= half:
            finite = top < math.inf
            highest, above = (math.log(top), 0.0) if finite else (0.0, math.inf)
            rows.append((highest, 0.0, math.inf, math.inf, above))
        else:
            noise, low = half / e.value, (e.below + half) / e.value
            below = -math.log1p(-low) - noise if low < 1 else math.inf
            above = math.log1p(noise + e.above / e.value) - noise
            rows.append(
                (math.log(e.value), e.se / e.value, e.dof, max(below, 0.0), max(above, 0.0))
            )
    if never:
        if any(below < math.inf for _, _, _, below, _ in rows):
            return Estimate(math.inf)
        return Estimate(math.nan, reason="no value is surely positive and finite")
    return Readings(*(np.array(column) for column in zip(*rows, strict=True)))


def slope(x: Vector, y: Readings) -> Estimate:
    """Slope of y on x by least squares, all points alike.

    Its error is the larger, at 95%, of two: what the points' own errors make of it, and the
    scatter about the line, Student's with n - 2 degrees of freedom (a Birge ratio above 1: the
    line, or the errors, are not the whole story). With two points there is no scatter and the
    propagated errors stand alone; two exact numbers show no error at all (`se` NaN). `below` and
    `above` are those of the points at their worst. Errors need not be equal: what is propagated
    is right for any, the scatter is the mean of points that are told apart by nothing.
    """
    centred = x - x.mean()
    weights = centred / (centred @ centred)
    value = float(weights @ y.z)
    up = np.where(weights > 0, y.above, y.below)
    down = np.where(weights > 0, y.below, y.above)
    leaning = weights != 0
    above = float(np.abs(weights[leaning]) @ up[leaning])
    below = float(np.abs(weights[leaning]) @ down[leaning])
    own = np.nan_to_num(y.se[leaning], posinf=math.inf)
    variances = (weights[leaning] * own) ** 2
    known = Estimate(
        value, math.sqrt(variances.sum()), pooled_dof(variances, y.dof[leaning]), "", below, above
    )
    free = len(x) - 2
    if free < 1:
        if y.exact or np.any(np.isnan(y.se)):
            reason = "two numbers without errors show none of the line through them"
            return known._replace(se=math.nan, reason=reason)
        return known
    # Off the residuals: scipy's linregress has this from 1 - r^2, which cancels for a good line.
    residual = y.z - y.z.mean() - value * centred
    scatter = math.sqrt(residual @ residual / free / (centred @ centred))
    seen = known._replace(se=scatter, dof=float(free))
    return seen if seen.half_width() > known.half_width() else known


def ratio(logs: Readings) -> Estimate:
    """Largest over smallest of numbers given by their logarithms.

    Noise alone drives the two apart: `below` holds by how much it would if all were equal, the
    expected range of k draws with these errors (the most it can be: less for numbers that
    differ). The upper end is that of the pair which may lie farthest apart. A mean over seeds
    keeps `below`, since their bias is the same. Exact numbers have an exact ratio, and what they
    fluctuate by counts as a difference; so does what numbers of unknown error (`se` NaN) fluctuate
    by, but the error of their ratio is unknown.
    """
    if not np.all(np.isfinite(logs.se)):
        known = np.where(np.isfinite(logs.se), logs.se, 0.0)
        return ratio(logs._replace(se=known))._replace(se=float(logs.se.sum()))
    k = len(logs.z)
    difference = logs.z[:, None] - logs.z[None, :]
    variance = np.stack(np.broadcast_arrays(logs.se[:, None] ** 2, logs.se[None, :] ** 2))
    se = np.sqrt(variance.sum(axis=0))
    dof = np.array(
        [[pooled_dof(variance[:, i, j], logs.dof[[i, j]]) for j in range(k)] for i in range(k)]
    )
    half = se * special.stdtrit(dof, 0.975)
    apart = ~np.eye(k, dtype=bool)
    high = (difference + half + logs.above[:, None] + logs.below[None, :])[apart].max()
    low = (difference - half - logs.below[:, None] - logs.above[None, :])[apart].max()
    # The pair of extremes; among pairs that are as far apart, that which is known worst.
    extremes = apart & (difference >= np.ptp(logs.z))
    i, j = np.unravel_index(np.where(extremes, se, -1.0).argmax(), se.shape)
    apparent, error = float(difference[i, j]), float(half[i, j])
    value = math.exp(apparent)
    bias = max(apparent - error - float(low), 0.0) + expected_range(logs.se)
    end = value * (1 + error)
    return Estimate(
        value,
        value * float(se[i, j]),
        float(dof[i, j]),
        below=value * min(bias, 1.0),
        above=max(math.exp(min(float(high), 700.0)) - end, 0.0) if high < math.inf else math.inf,
    )


def quotient(logs: Readings) -> Estimate:
    """First over second of two numbers given by their logarithms; exact numbers have an exact one.

    Errors add as independent ones do; what each may be off by otherwise counts at its worst.
    """
    if np.any(np.isnan(logs.se)):
        return Estimate(math.exp(float(logs.z[0] - logs.z[1])), math.nan)
    variances = logs.se**2
    known = Estimate(0.0, math.sqrt(float(variances.sum())), pooled_dof(variances, logs.dof))
    value, half = math.exp(float(logs.z[0] - logs.z[1])), known.half_width()
    down, up = float(logs.below[0] + logs.above[1]), float(logs.above[0] + logs.below[1])
    # The interval of a logarithm is skewed: the symmetric one of the ratio is widened above.
    skewed = math.expm1(min(half + up, 700.0)) - half
    return Estimate(
        value,
        value * known.se,
        known.dof,
        below=value * -math.expm1(-down),
        above=value * max(skewed, 0.0) if up < math.inf else math.inf,
    )


def expected_range(se: Vector) -> float:
    """E[max - min] of independent normal numbers of mean 0 with these standard deviations."""
    if not np.any(se > 0):
        return 0.0
    # The integral of the chance that x lies between the smallest and the largest.
    x = np.linspace(-8.0, 8.0, 801) * se.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        below = special.ndtr(np.where(se > 0, x[:, None] / se, np.where(x[:, None] < 0, -9.0, 9.0)))
    between = 1 - below.prod(axis=1) - (1 - below).prod(axis=1)
    return float(np.trapezoid(between, x))
