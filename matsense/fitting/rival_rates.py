"""Rates beside that of an exponential: what fits as well and has another pace in the end."""

import numpy as np
from scipy import special

from matsense.fitting import tuned
from matsense.fitting.estimate import LEVEL
from matsense.fitting.fits import Candidate
from matsense.fitting.frames import Array, dot
from matsense.fitting.likelihood import curved, memory, whitened
from matsense.fitting.pace import Witness

EDGES = np.array([0.5, 1.0, 1.5])  # powers beside an exponential that are tried
DELAYS = np.array([1e-3, 1e-2, 3e-2])  # and their delays, in parts of the horizon
FACTORS = np.geomspace(1e-3, 0.1, 12)  # tau of a factor (t + tau)^-a, in parts of the horizon
PERIODS = np.arange(0.6, 4.3, 0.1)  # of a wave over a trace that are tried
STRETCHES = np.array([0.7, 0.8, 0.9, 1.1, 1.3, 1.5])  # powers of t in an exponential that are tried


def beside_edges(found: Candidate, t: Array, z: Array, witness: Witness) -> Witness:
    """The witness, widened to the rates of exp(-rate t) (t + tau)^-a that fit (n,) ticks as well.

    Such a factor is that of a spectrum's edge (a = 3/2 where the density begins as a square root).
    """
    shapes = -EDGES[:, None, None] * np.log(t + t[-1] * DELAYS[:, None])
    rates, squares = beside(t, z, shapes.reshape(-1, len(t)))
    plain, least = beside(t, z, np.zeros((1, len(t))))
    apart = rates[squares - least < tuned.EDGED * found.variance] - plain
    return witness._replace(below=max(witness.below, -float(apart.min(initial=0.0))))


def beside_the_whole(found: Candidate, t: Array, z: Array, witness: Witness) -> Witness:
    """The witness, widened to the rates beside what may be all of a trace, (n,) from its first on.

    That is c - v t with two harmonics of a wave of `PERIODS` over the trace, or with a factor
    (t + tau)^-a, where it fits all of the trace as well as the exponential fits its end, and the
    exponential alone does not. On part of a period a wave looks like a drift that ends, on either
    side of the limit; and such a factor, on a late window, like no drift at all.
    """
    rho, fresh = memory(found.misfit)
    whole, unit = np.ones((1, len(t))), t / t[-1]
    target, x = whitened(z, whole, rho), whitened(unit[None], whole, rho)
    most = tuned.HOLDS * fresh * len(t)
    if target @ target - float(((x @ target) ** 2 / dot(x, x))[0]) <= most:
        return witness
    phase = 2 * np.pi * PERIODS[:, None] * unit
    waves = np.stack([np.cos(phase), np.sin(phase), np.cos(2 * phase), np.sin(2 * phase)], 1)
    both = [along(x, target, whitened(w, whole, rho)) for w in (waves, factors(unit))]
    rate, own, squares = (np.concatenate(of) for of in zip(*both, strict=True))
    error = np.sqrt(fresh * own)
    likely = squares <= min(most, squares.min() + fresh * special.chdtri(1, 1 - LEVEL))
    if not likely.any():
        return witness
    value = found.fit.value * t[-1]
    below = (value - (rate - 2 * error)[likely].min()) / t[-1]
    above = ((rate + 2 * error)[likely].max() - value) / t[-1]
    return Witness(max(witness.below, float(below)), max(witness.above, float(above)))


def stretch_beside(found: Candidate, t: Array, z: Array) -> float | None:
    """The b of an exp(-(t / tau)^b) that is all of a trace with noise, (n,) ticks of it.

    The pace of such a law tends to 0 or to infinity. None if no b fits all of it; if an exponential
    does better, with a factor (t + tau)^-a or without; or if the residuals of the one found are a
    curve, and no noise: how far such a pace may still go is told by its drift
    (`matsense.fitting.pace`).
    """
    if curved(found.misfit):
        return None
    rho, fresh = memory(found.misfit)
    whole, unit = np.ones((1, len(t))), t / t[-1]
    target = whitened(z, whole, rho)
    x = whitened(unit ** np.append(STRETCHES, 1.0)[:, None], whole, rho)
    squares = target @ target - (x @ target) ** 2 / dot(x, x)
    best = int(np.argmin(squares[:-1]))
    least = float(squares[best])
    other = along(x[-1:], target, whitened(factors(unit), whole, rho))[2].min()
    likely = least <= min(squares[-1], other) + fresh * special.chdtri(1, 1 - LEVEL)
    return float(STRETCHES[best]) if likely and least <= tuned.HOLDS * fresh * len(t) else None


def factors(unit: Array) -> Array:
    """log (t + tau) for tau of `FACTORS`, ticks (n,) in parts of the horizon; (K, 1, n)."""
    return np.log(unit + FACTORS[:, None, None])


def along(x: Array, target: Array, others: Array) -> tuple[Array, Array, Array]:
    """v of target = -v x + whatever of `others`, by least squares: v, its variance in units of the
    noise's, the sum of squares; x (1, n), others (K, J, n), (K,) each.
    """
    columns = np.concatenate([np.repeat(x[None], len(others), 0), others], 1)
    inverse = np.linalg.pinv(columns @ columns.swapaxes(1, 2))
    coefficients = (inverse @ (columns @ target)[:, :, None])[:, :, 0]
    rest = target - (coefficients[:, None] @ columns)[:, 0]
    return -coefficients[:, 0], inverse[:, 0, 0], dot(rest, rest)


def beside(x: Array, z: Array, shapes: Array) -> tuple[Array, Array]:
    """v of z = c - v x + shape by least squares, and its sum of squares; shapes (K, n), (K,)."""
    x = x - x.mean()
    rest = z - shapes
    rest = rest - rest.mean(1, keepdims=True)
    v = -(rest @ x) / (x @ x)
    return v, ((rest + v[:, None] * x) ** 2).sum(1)
