"""What speaks against a chosen law: its pace, rival laws, an end that is neither flat nor on it."""

import math
from dataclasses import replace

import numpy as np

from matsense.fits import Candidate, Decay, Fit, refused
from matsense.frames import SMALLEST_WINDOW, repeated
from matsense.laws import solve
from matsense.pace import UNSETTLED, Witness, examine

HOLDS = 1.2  # a law holds on every window on which its residuals are at most so much larger
EQUAL = 2.0  # noise variances by which a rival's sum of squares may be larger
CROSSINGS = 24  # places tried at which a second power crosses the first
LOGARITHM = 2.5  # the same for a logarithm, and for each parameter that the law has more
STEEPEST = 3.0  # no law is thought of with a higher power of the logarithm
SOME = 1.2  # standard errors from which on a logarithm counts as seen
FARTHER = 3.0  # by which the unknown unit of a logarithm may move its exponent further
NEITHER_FLAT = "its end is neither flat nor on the law of what came before"
FLAT_NATS = 2.0  # a floor that falls (or rises) by more is none


def witnessed(found: Candidate, decay: Decay) -> Fit:
    """The fit with what the pace of its end says; neither, if that has not settled."""
    f = found.fit
    if f.law == "neither":
        return f
    if f.law == "exponential":
        t, z, a = decay.t[: decay.end], decay.above, found.start
        edges = t[-1] * np.array([0.0625, 0.125, 0.25, 0.5, 1.0])
        witness = examine(t, z, a, edges, steady=0.7, unseen=True)
    else:
        keep = decay.t + f.shift > 0
        keep &= decay.t <= f.window[1]
        z = decay.z
        if not math.isnan(f.floor):
            keep &= decay.z > math.log(3 * f.floor)
            with np.errstate(all="ignore"):
                z = np.log(np.exp(decay.z) - f.floor)
        u, z = np.log(decay.t[keep] + f.shift), z[keep]
        a = int(np.searchsorted(decay.t[keep], f.window[0]))
        if len(u) - a < SMALLEST_WINDOW:
            # Little but a floor that was fitted along: the size of the exponent is known, no more.
            return replace(f, below=f.value, above=f.value)
        step = (u[-1] - u[a]) / 2
        edges = u[-1] - step * np.arange(4, -1, -1.0)
        witness = examine(u, z, a, edges, steady=0.5, unseen=False)
        if not witness.reason and math.isnan(decay.floor):
            witness = beside_rivals(found, decay, witness)
            if witness.below > f.value:
                # From no decay to speak of to as much more: what stays is a bound from above.
                witness = Witness(f.value, max(witness.above, f.value))
    if witness.reason:
        return refused(witness.reason, decay).fit
    return replace(f, below=float(witness.below), above=float(witness.above))


def beside_rivals(found: Candidate, decay: Decay, witness: Witness) -> Witness:
    """The witness, widened to the exponents of rival laws that fit the window as well.

    A shift whose bend lies before the window can be told neither from a logarithm, t^-p (ln t)^a,
    nor from a faster power beside a slower one, t^-p (1 + c / t). The logarithm's unit of t is
    unknown: some are tried, in terms of the first positive tick. A logarithm that is not seen
    (`SOME` standard errors) is no rival; what its exponent adds is taken `FARTHER`, for its unit
    is a guess.
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
    x, unit = np.log(t), decay.t[decay.t > 0][0]
    own = float((misfit[inside] ** 2).sum())
    # t^-p (ln t / t_u)^a
    inner = x - np.log(np.array([[0.5], [1e-2], [2e-4]]) * unit)
    columns = np.stack([np.ones_like(inner), np.broadcast_to(-x, inner.shape), np.log(inner)], 2)
    s = solve(np.broadcast_to(z, inner.shape), columns, repeated(len(t), 3))
    extra = LOGARITHM * (1 if math.isnan(found.fit.floor) else 2)
    equal = (s.misfit**2).sum(1) < own + extra * found.variance
    a = np.abs(s.coefficients[:, 2])
    equal &= (a > SOME * s.se[:, 2]) & (a < STEEPEST)
    apart = [0.0, *(FARTHER * (s.coefficients[equal, 1] - found.fit.value))]
    # t^-p (1 + c / t)
    bent = z - np.log1p(t[-1] * np.geomspace(0.01, 1.0, CROSSINGS)[:, None] / t)
    columns = np.broadcast_to(np.stack([np.ones_like(x), -x], 1), (*bent.shape, 2))
    s = solve(bent, columns, repeated(len(t), CROSSINGS))
    equal = (s.misfit**2).sum(1) < own + EQUAL * found.variance
    apart += [*(s.coefficients[equal, 1] - found.fit.value)]
    return Witness(max(witness.below, -min(apart)), max(witness.above, max(apart)))


def ended(found: Fit, decay: Decay) -> Fit:
    """The fit, with what is known of a flat end."""
    if decay.stall is None or found.reason.startswith(UNSETTLED):
        return found
    rest = decay.z[decay.stall :]
    rest = rest[len(rest) // 2 :]
    i = np.arange(len(rest)) - (len(rest) - 1) / 2
    if len(rest) > 1 and not decay.rounding and abs(i @ rest) / (i @ i) * len(rest) > FLAT_NATS:
        return refused(NEITHER_FLAT, decay).fit
    begins = float(decay.t[decay.stall])
    flat = float(decay.t[-1]) - begins
    return replace(found, stalls_at=begins, flat=flat, rounding=decay.rounding)
