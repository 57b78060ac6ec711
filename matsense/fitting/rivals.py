"""Laws with another end that fit a window as well as the chosen one: how far that end may lie.

A judge that is right for every law that it may meet cannot leave out the end of one that fits as
well. The constants were settled on seeds 0 to 6 of `matsense.fitting.calibration`;
how much power any such judge can have is `matsense.fitting.ceiling`.
"""

import math

import numpy as np

from matsense.fitting.fits import Candidate, Decay
from matsense.fitting.frames import Array, repeated
from matsense.fitting.pace import Witness
from matsense.fitting.windows import solve

HOLDS = 1.2  # a law holds on every window on which its residuals are at most so much larger
CROSSED = 2.0  # noise variances by which the sum of squares of two powers may be larger,
EDGED = 1.0  # that of an exponential beside a power,
LOGARITHM = 2.5  # and that of a power beside a logarithm, for each parameter that the law has more
CROSSINGS = np.geomspace(0.01, 1.0, 24)  # of two powers that are tried, in parts of the horizon
EDGES = np.array([0.5, 1.0, 1.5])  # powers beside an exponential that are tried
DELAYS = np.array([1e-3, 1e-2, 3e-2])  # and their delays, in parts of the horizon
SOME = 1.0  # standard errors from which on a logarithm counts as seen,
BEYOND = 1.0  # and by which its power may be larger or smaller
STEEPEST = 2.5  # no law is thought of with a higher power of the logarithm
UNITS = 5  # of its argument that are tried,
LEAST_UNIT = 0.05  # from so much of a tick to half the first positive one


def beside_edges(found: Candidate, t: Array, z: Array, witness: Witness) -> Witness:
    """The witness, widened to the rates of exp(-rate t) (t + tau)^-a that fit (n,) ticks as well.

    Such a factor is that of a spectrum's edge (a = 3/2 where the density begins as a square root).
    """
    shapes = -EDGES[:, None, None] * np.log(t + t[-1] * DELAYS[:, None])
    rates, squares = beside(t, z, shapes.reshape(-1, len(t)))
    plain, least = beside(t, z, np.zeros((1, len(t))))
    apart = rates[squares - least < EDGED * found.variance] - plain
    return witness._replace(below=max(witness.below, -float(apart.min(initial=0.0))))


def beside_powers(found: Candidate, decay: Decay, witness: Witness) -> Witness:
    """The witness, widened to the exponents of rivals of a power law that fit as well.

    A shift whose bend lies before the window can be told neither from a logarithm, t^-p (ln t)^a,
    nor from a faster power beside a slower one, t^-p (1 + c / t).
    """
    # The earliest window on which the law holds tells it from a rival best.
    assert found.scan is not None
    last = found.start + len(found.misfit)
    j = int(np.argmax(found.scan.variance <= HOLDS * found.variance))
    first, misfit = found.start, found.misfit
    if found.scan.frame.starts[j] < first:
        first = int(found.scan.frame.starts[j])
        misfit = found.scan.misfit[j, first:last]
    inside = decay.t[first:last] > 0
    t, z = decay.t[first:last][inside], decay.z[first:last][inside]
    own = float((misfit[inside] ** 2).sum())
    allowed = LOGARITHM * (1 if math.isnan(found.fit.floor) else 2) * found.variance
    unit = 0.5 * decay.t[decay.t > 0][0]
    of_logarithms = logarithms(np.log(t), z, unit, own + allowed)
    exponents, squares = beside(np.log(t), z, np.log1p(t[-1] * CROSSINGS[:, None] / t))
    crossing = exponents[squares < own + CROSSED * found.variance]
    apart = np.concatenate([[0.0], of_logarithms - found.fit.value, crossing - found.fit.value])
    return Witness(max(witness.below, -apart.min()), max(witness.above, apart.max()))


def logarithms(x: Array, z: Array, unit: float, most: float) -> Array:
    """Exponents p of exp(-p x) (x - ln u)^a, sum of squares under `most`, for units u up to `unit`.

    A logarithm that is not seen is no rival. Of one that is, a may be any number within its error
    and `STEEPEST`; p moves with it along the ridge on which both fit alike.
    """
    inner = x - np.log(np.geomspace(min(LEAST_UNIT, unit), unit, UNITS)[:, None])
    columns = np.stack([np.ones_like(inner), np.broadcast_to(-x, inner.shape), np.log(inner)], 2)
    s = solve(np.broadcast_to(z, inner.shape), columns, repeated(len(x), UNITS))
    p, a, se = s.coefficients[:, 1], s.coefficients[:, 2], s.se[:, 2]
    low, high = np.maximum(a - BEYOND * se, -STEEPEST), np.minimum(a + BEYOND * se, STEEPEST)
    rival = ((s.misfit**2).sum(1) < most) & (np.abs(a) > SOME * se) & (low < high)
    ridge = (p - beside(x, z, np.zeros((1, len(x))))[0]) / a
    return np.concatenate([(p + ridge * (end - a))[rival] for end in (low, high)])


def beside(x: Array, z: Array, shapes: Array) -> tuple[Array, Array]:
    """v of z = c - v x + shape by least squares, and its sum of squares; shapes (K, n), (K,)."""
    x = x - x.mean()
    rest = z - shapes
    rest = rest - rest.mean(1, keepdims=True)
    v = -(rest @ x) / (x @ x)
    return v, ((rest + v[:, None] * x) ** 2).sum(1)
