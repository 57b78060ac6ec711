"""Rates beside that of an exponential: what fits as well and has another pace in the end."""

import numpy as np
from scipy import special

from matsense.fitting.estimate import LEVEL
from matsense.fitting.fits import Candidate
from matsense.fitting.frames import Array, dot
from matsense.fitting.likelihood import HOLDS, curved, memory, whitened
from matsense.fitting.pace import Witness

EDGED = 1.0  # noise variances by which an exponential beside a power may fit worse
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
    apart = rates[squares - least < EDGED * found.variance] - plain
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
    most = HOLDS * fresh * len(t)
    if target @ target - float(((x @ target) ** 2 / dot(x, x))[0]) <= most:
        return witness
    phase = 2 * np.pi * PERIODS[:, None] * unit
    waves = np.stack([np.cos(phase), np.sin(phase), np.cos(2 * phase), np.sin(2 * phase)], 1)
    factors = np.log(unit + FACTORS[:, None, None])
    found_at = []
    for beside in (waves, factors):
        columns = np.concatenate(
            [np.repeat(x[None], len(beside), 0), whitened(beside, whole, rho)], 1
        )
        inverse = np.linalg.pinv(columns @ columns.swapaxes(1, 2))
        coefficients = (inverse @ (columns @ target)[:, :, None])[:, :, 0]
        rest = target - (coefficients[:, None] @ columns)[:, 0]
        found_at.append((-coefficients[:, 0], np.sqrt(fresh * inverse[:, 0, 0]), dot(rest, rest)))
    rate, error, squares = (np.concatenate(of) for of in zip(*found_at, strict=True))
    likely = squares <= min(most, squares.min() + fresh * special.chdtri(1, 1 - LEVEL))
    if not likely.any():
        return witness
    value = found.fit.value * t[-1]
    below = (value - (rate - 2 * error)[likely].min()) / t[-1]
    above = ((rate + 2 * error)[likely].max() - value) / t[-1]
    return Witness(max(witness.below, float(below)), max(witness.above, float(above)))


def stretch_beside(found: Candidate, t: Array, z: Array) -> float | None:
    """The b of an exp(-(t / tau)^b) that is all of a trace with noise, (n,) ticks of it.

    The pace of such a law tends to 0 or to infinity. None if the exponential found fits better, or
    no b does; or if its residuals are a curve, and no noise: how far such a pace may still go is
    told by its drift (`matsense.fitting.pace`).
    """
    if curved(found.misfit):
        return None
    rho, fresh = memory(found.misfit)
    whole = np.ones((1, len(t)))
    target = whitened(z, whole, rho)
    x = whitened(t ** np.append(STRETCHES, 1.0)[:, None], whole, rho)
    squares = target @ target - (x @ target) ** 2 / dot(x, x)
    best = int(np.argmin(squares[:-1]))
    least = float(squares[best])
    likely = least <= squares[-1] + fresh * special.chdtri(1, 1 - LEVEL)
    return float(STRETCHES[best]) if likely and least <= HOLDS * fresh * len(t) else None


def beside(x: Array, z: Array, shapes: Array) -> tuple[Array, Array]:
    """v of z = c - v x + shape by least squares, and its sum of squares; shapes (K, n), (K,)."""
    x = x - x.mean()
    rest = z - shapes
    rest = rest - rest.mean(1, keepdims=True)
    v = -(rest @ x) / (x @ x)
    return v, ((rest + v[:, None] * x) ** 2).sum(1)
