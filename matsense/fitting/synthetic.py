"""Traces drawn from laws that are known, for `matsense.fitting.calibration`.

Each function returns a way to draw: from a seeded generator to ticks, values and the truth. Laws
that the fit knows stand first, then those that it does not: two phases, sums of close rates, noise
that accumulates, corrections by logarithms, oscillations, stretched exponentials.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]
Generator = np.random.Generator
Spacing = Literal["log", "linear"]
Start = Literal["", "plateau", "transient"]
Noise = Callable[[Generator, int], Array]

HORIZON = 3e4
TICKS = 200


class Drawn(NamedTuple):
    """One synthetic trace: ticks, values, and what is true of its end.

    `rate` (nats per unit of t) and `exponent` (of 1/t) are asymptotic: an exponential has exponent
    infinity, a power law rate 0. NaN where there is nothing to be read. Of the laws that the fit
    knows also: the values without noise, the noise of their logarithm, the floor, and the tick from
    which on the law leads.
    """

    t: Array
    y: Array
    rate: float
    exponent: float
    clean: Array | None = None
    sd: float = 0.0
    rho: float = 0.0
    floor: float = 0.0
    settled: float = 0.0


Draw = Callable[[Generator], Drawn]


def ticks(spacing: Spacing, horizon: float = HORIZON, count: int = TICKS) -> Array:
    """Whole ticks: 1..horizon at equal ratios, or 0..horizon at equal distances."""
    if spacing == "log":
        return np.unique(np.round(np.geomspace(1, horizon, count)))
    return np.round(np.linspace(0, horizon, count))


def log_uniform(g: Generator, low: float, high: float) -> float:
    """A positive number whose logarithm is uniform."""
    return float(np.exp(g.uniform(np.log(low), np.log(high))))


# Noise of log y


def normal(sd: float, rho: float = 0.0) -> Noise:
    """A stationary normal AR(1) sequence, standard deviation sd, correlation rho."""

    def draw(g: Generator, n: int) -> Array:
        white = g.normal(size=n)
        white[1:] *= math.sqrt(1 - rho**2)
        found: Array = sd * signal.lfilter([1.0], [1.0, -rho], white)
        return found

    return draw


def walk(sd: float) -> Noise:
    """A random walk: noise that accumulates, sd a tick."""
    return lambda g, n: np.cumsum(sd * g.normal(size=n))


def chi_square(dof: int) -> Noise:
    """log of a chi-square number over its degrees of freedom: skewed, long to the low side."""
    return lambda g, n: np.log(g.chisquare(dof, size=n) / dof)


def student(sd: float, dof: float) -> Noise:
    """Heavy tails: sd times Student's t."""
    return lambda g, n: sd * g.standard_t(dof, size=n)


def noise(g: Generator, n: int, sd: float, rho: float = 0.0) -> Array:
    """exp of a stationary normal AR(1) sequence (n,), standard deviation sd, correlation rho."""
    return np.exp(normal(sd, rho)(g, n))


def noisy(draw: Draw, error: Noise) -> Draw:
    """The trace times exp of the error."""

    def drawn(g: Generator) -> Drawn:
        found = draw(g)
        return found._replace(y=found.y * np.exp(error(g, len(found.t))))

    return drawn


# Laws that the fit knows


def leads(t: Array, law: Array, y: Array) -> float:
    """The tick from which on all but a thousandth of y is its law."""
    return float(t[np.argmax(y < 1.001 * law)])


def power(
    p: float,
    spacing: Spacing = "log",
    sd: float = 0.0,
    rho: float = 0.0,
    shift: tuple[float, float] | None = (3.0, 300.0),
    transient: bool = False,
    crossing: tuple[float, float] | None = None,
    horizon: float = HORIZON,
    count: int = TICKS,
) -> Draw:
    """(t + t0)^-p, t0 log-uniform in `shift` (1 without one, so that t = 0 is harmless).

    `transient` puts 1 to 4 decades above it first: a plateau to t = 10..100 and an exponential drop
    with a fifth of that as its time. `crossing` adds a floor that the law passes at such a tick.
    """

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing, horizon, count)
        t0 = log_uniform(g, *shift) if shift else float(spacing == "linear")
        y = law = (t + t0) ** -p
        floor = 0.0
        if transient:
            until = log_uniform(g, 10.0, 100.0)
            height = log_uniform(g, 10.0, 1e4) * (t0 + 1) ** -p
            y = y + height * np.exp(-np.maximum(t - until, 0) / (until / 5))
        settled = leads(t, law, y)
        if crossing:
            floor = (log_uniform(g, *crossing) + t0) ** -p
            y = y + floor
        noisy = y * noise(g, len(t), sd, rho)
        return Drawn(t, noisy, 0.0, p, y, sd, rho, floor, settled)

    return draw


def overparam_sum(g: Generator) -> Drawn:
    """The closed form of over-parameterised GD: sum of (1/s_i^2 + 2 eta t)^-2 over 1..5 s_i."""
    t = ticks("log")
    s = log_uniform(g, 0.05, 0.5) * g.uniform(0.3, 1, size=g.integers(1, 6))
    return Drawn(t, ((1 / s[:, None] ** 2 + 0.2 * t) ** -2).sum(0), 0.0, 2.0)


def exponential(
    spacing: Spacing = "log",
    sd: float = 0.0,
    rho: float = 0.0,
    rate: tuple[float, float] = (1e-3, 1e-2),
    start: Start = "",
    floor: tuple[float, float] | None = None,
    rounding: bool = False,
) -> Draw:
    """exp(-rate t), rate log-uniform in `rate`.

    `start` puts before it a plateau of up to two e-folds, or adds 30 exp(-5 rate t). `floor` adds a
    constant in that range; `rounding` a noise of 1e-31 as floating point leaves it, after a scatter
    that concerns the law alone.
    """

    def draw(g: Generator) -> Drawn:
        t, r = ticks(spacing), log_uniform(g, *rate)
        y = law = np.exp(-r * t)
        level, settled = 0.0, 0.0
        if start == "plateau":
            begins = log_uniform(g, 0.02, 2.0) / r
            y, settled = np.exp(-r * np.maximum(t - begins, 0)), begins
        elif start == "transient":
            y = y + 30 * np.exp(-5 * r * t)
            settled = leads(t, law, y)
        if floor:
            level = log_uniform(g, *floor)
            y = y + level
        noisy = y * noise(g, len(t), sd, rho)
        if rounding:
            noisy = noisy + 1e-31 * noise(g, len(t), 1.0)
        return Drawn(t, noisy, r, math.inf, y, sd, rho, level, settled)

    return draw


def constant(spacing: Spacing, sd: float, rho: float = 0.0) -> Draw:
    """1 with noise."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        return Drawn(t, noise(g, len(t), sd, rho), 0.0, 0.0)

    return draw


def late(drawn: Draw, low: float, high: float) -> Draw:
    """Only the ticks in [low, high]."""

    def draw(g: Generator) -> Drawn:
        found = drawn(g)
        keep = (found.t >= low) & (found.t <= high)
        clean = None if found.clean is None else found.clean[keep]
        return found._replace(t=found.t[keep], y=found.y[keep], clean=clean)

    return draw


# Too short


def few_nats(spacing: Spacing, low: float, high: float) -> Draw:
    """An exponential that falls by `low` to `high` nats in all."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        rate = g.uniform(low, high) / t[-1]
        return Drawn(t, np.exp(-rate * t), rate, math.inf)

    return draw


def few_decades(spacing: Spacing, low: float, high: float) -> Draw:
    """(1 + t / t0)^-p with `low` to `high` decades of t + t0, p = 1/2 to 2."""

    def draw(g: Generator) -> Drawn:
        t, p = ticks(spacing), log_uniform(g, 0.5, 2.0)
        t0 = t[-1] / (10 ** g.uniform(low, high) - 1)
        return Drawn(t, (1 + t / t0) ** -p, 0.0, p)

    return draw


# Changes of pace


def two_phases(spacing: Spacing, faster: bool = False) -> Draw:
    """Rates that differ by a factor 2 to 10, the last one over the last 5 to 50% of the ticks.

    The sum of two exponentials, or their smaller one if the last is the `faster`; the first phase
    is 20 to 60 nats long.
    """

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        ratio, share = log_uniform(g, 2.0, 10.0), g.uniform(0.05, 0.5)
        cut = t[int((1 - share) * (len(t) - 1))]
        first = g.uniform(20.0, 60.0) / cut
        last = first * ratio if faster else first / ratio
        apart = (last - first) * (t - cut)
        bend = -np.logaddexp(0, apart) if faster else np.logaddexp(0, -apart)
        # The two branches are equal at the cut; log y follows the first before, the last after.
        z = -first * t + bend
        return Drawn(t, np.exp(z - z[0]), last, math.inf)

    return draw


def growth_at_the_end(spacing: Spacing) -> Draw:
    """A decay by 10 to 40 nats that grows by 1 to 5 nats over its last 5 to 20% of ticks."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        cut = int((1 - g.uniform(0.05, 0.2)) * len(t))
        z = -g.uniform(10.0, 40.0) / t[-1] * t
        rise = g.uniform(1.0, 5.0) * (t[cut:] - t[cut - 1]) / (t[-1] - t[cut - 1])
        z[cut:] = z[cut - 1] + rise
        return Drawn(t, np.exp(z), math.nan, math.nan)

    return draw


def close_rates(spacing: Spacing) -> Draw:
    """A sum of 2 to 5 exponentials, rates within a factor 3, amplitudes within 10; 8 to 60 nats."""

    def draw(g: Generator) -> Drawn:
        t, count = ticks(spacing), int(g.integers(2, 6))
        rates = g.uniform(8.0, 60.0) / t[-1] * np.exp(g.uniform(0, math.log(3.0), size=count))
        amplitudes = np.exp(g.uniform(math.log(0.1), 0, size=count))
        y = (amplitudes[:, None] * np.exp(-rates[:, None] * t)).sum(0)
        return Drawn(t, y / y[0], float(rates.min()), math.inf)

    return draw


def spectral_edge(spacing: Spacing) -> Draw:
    """The mean of exp(-lambda t) over 400 quantiles of a Marchenko-Pastur law; 8 to 60 nats."""

    def draw(g: Generator) -> Drawn:
        t, q = ticks(spacing), g.uniform(0.02, 0.5)
        low, high = (1 - math.sqrt(q)) ** 2, (1 + math.sqrt(q)) ** 2
        # lambda = middle + half cos(angle): the density is sin^2(angle) / lambda, smooth.
        angle = np.linspace(0, math.pi, 4001)
        values = (low + high) / 2 + (high - low) / 2 * np.cos(angle)
        mass = np.cumsum(np.sin(angle) ** 2 / values)
        spectrum = np.interp((np.arange(400) + 0.5) / 400, mass / mass[-1], values)
        scale = g.uniform(8.0, 60.0) / (t[-1] * spectrum.min())
        y = np.exp(-scale * spectrum[:, None] * t).mean(0)
        return Drawn(t, y, float(scale * spectrum.min()), math.inf)

    return draw


def false_floor(spacing: Spacing) -> Draw:
    """A decay onto what looks like a floor and falls by .05 to .5 nats: the end's rate is that."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        fast, slow = log_uniform(g, 1e-3, 5e-3), g.uniform(0.05, 0.5) / t[-1]
        y = np.exp(-fast * t) + log_uniform(g, 1e-6, 1e-3) * np.exp(-slow * t)
        return Drawn(t, y, slow, math.inf)

    return draw


# Corrections and crossovers


def logarithm(
    spacing: Spacing, p: float, of_log: float, shift: tuple[float, float] = (1.5, 3.0)
) -> Draw:
    """s^-p (ln s)^of_log up to t = 1e6, s = t + t0 with t0 log-uniform in `shift`."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing, 1e6)
        shifted = t + log_uniform(g, *shift)
        return Drawn(t, shifted**-p * np.log(shifted) ** of_log, 0.0, p)

    return draw


def algebraic_factor(spacing: Spacing, powers: tuple[float, float] = (-1.5, -0.5)) -> Draw:
    """(1 + t / tau)^a exp(-rate t), 8 to 60 nats; a = -3/2: a spectrum's edge, a > 0: momentum."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        rate = g.uniform(8.0, 60.0) / t[-1]
        y = np.exp(-rate * t) * (1 + t / log_uniform(g, 10.0, 300.0)) ** g.uniform(*powers)
        return Drawn(t, y, rate, math.inf)

    return draw


def crossover(spacing: Spacing) -> Draw:
    """t^-1 + c t^-2 (of t + 1), the two equal somewhere in the last decade and a half."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        s = t + 1
        return Drawn(t, 1 / s + log_uniform(g, 0.03, 1.0) * t[-1] / s**2, 0.0, 1.0)

    return draw


# Oscillations


def oscillating(spacing: Spacing, low: float, high: float) -> Draw:
    """exp(-rate t) (1 + a cos(...)) with `low` to `high` periods in all, a = .1 to .7."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        rate = g.uniform(10.0, 60.0) / t[-1]
        phase = 2 * math.pi * (g.uniform(low, high) * t / t[-1] + g.uniform())
        return Drawn(
            t, np.exp(-rate * t) * (1 + g.uniform(0.1, 0.7) * np.cos(phase)), rate, math.inf
        )

    return draw


def log_periodic(spacing: Spacing) -> Draw:
    """(t + t0)^-p (1 + a cos(w ln(t + t0) + phase)), w = 1 to 6, a = .1 to .6."""

    def draw(g: Generator) -> Drawn:
        t, p = ticks(spacing), float(g.choice([1.0, 2.0]))
        x = np.log(t + log_uniform(g, 3.0, 100.0))
        wave = np.cos(g.uniform(1.0, 6.0) * x + g.uniform(0, 2 * math.pi))
        return Drawn(t, np.exp(-p * x) * (1 + g.uniform(0.1, 0.6) * wave), 0.0, p)

    return draw


def stretched(spacing: Spacing, low: float, high: float) -> Draw:
    """exp(-(t / tau)^beta), beta = `low` to `high`, 10 to 100 nats: its rate has no limit."""

    def draw(g: Generator) -> Drawn:
        t, beta = ticks(spacing), g.uniform(low, high)
        y = np.exp(-g.uniform(10.0, 100.0) * (t / t[-1]) ** beta)
        return Drawn(t, y, 0.0 if beta < 1 else math.inf, math.inf)

    return draw
