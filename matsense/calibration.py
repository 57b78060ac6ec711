"""Is the fit honest? Traces of known law, how often its intervals hold them, and what it refuses.

A `Row` draws traces of one kind from a seeded generator; `measure` fits them and counts. Rows of
kind "coverage" ask whether the 95% interval holds the true value, rows of kind "control" whether
`decide` contradicts a wrong claim, rows of kind "hopeless" whether no law is named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from matsense.estimate import Call, Sense, decide
from matsense.laws import Array
from matsense.rates import Law, fit

HORIZON = 3e4
TICKS = 200
Generator = np.random.Generator
Spacing = Literal["log", "linear"]
Start = Literal["", "plateau", "transient"]


class Drawn(NamedTuple):
    """One synthetic trace: ticks, values, and the exponent or rate that is true of its end."""

    t: Array
    y: Array
    truth: float


class WrongClaim(NamedTuple):
    """A wrong sentence about a trace: what is estimated, and the target as a multiple of truth."""

    about: Literal["exponent", "rate"]
    target: Callable[[float], float]
    sense: Sense
    tolerance: float = 0.05


@dataclass(frozen=True)
class Row:
    """One line of the table: `law` is the right answer, `claim` the wrong one of a control."""

    name: str
    draw: Callable[[Generator], Drawn]
    law: Law
    claim: WrongClaim | None = None


class Tally(NamedTuple):
    """Counts over the traces of a row."""

    traces: int
    right: int  # the right law named (for a hopeless row: no law named)
    neither: int
    covered: int  # of those named right, the interval holds the truth
    contradicted: int  # the wrong claim called contradicted
    half_width: float  # median half width of the interval, relative to the truth

    @property
    def answered(self) -> float:
        """Share of traces with the right answer."""
        return self.right / self.traces

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth among those of the right law; NaN for none."""
        return self.covered / self.right if self.right else float("nan")

    @property
    def power(self) -> float:
        """Share of wrong claims contradicted, of all traces."""
        return self.contradicted / self.traces


def ticks(spacing: Spacing, horizon: float = HORIZON, count: int = TICKS) -> Array:
    """Whole ticks: 1..horizon at equal ratios, or 0..horizon at equal distances."""
    if spacing == "log":
        return np.unique(np.round(np.geomspace(1, horizon, count)))
    return np.round(np.linspace(0, horizon, count))


def noise(g: Generator, n: int, sd: float, rho: float = 0.0) -> Array:
    """exp of a stationary normal AR(1) sequence (n,), standard deviation sd, correlation rho."""
    white = g.normal(size=n)
    e = np.empty(n)
    e[0] = white[0]
    for i in range(1, n):
        e[i] = rho * e[i - 1] + np.sqrt(1 - rho**2) * white[i]
    return np.exp(sd * e)


def log_uniform(g: Generator, low: float, high: float) -> float:
    """A positive number whose logarithm is uniform."""
    return float(np.exp(g.uniform(np.log(low), np.log(high))))


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
) -> Callable[[Generator], Drawn]:
    """(t + t0)^-p, t0 log-uniform in `shift` (1 without one, so that t = 0 is harmless).

    `transient` puts 1 to 4 decades above it first: a plateau to t = 10..100 and an exponential drop
    with a fifth of that as its time. `crossing` adds a floor that the law passes at such a tick.
    """

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing, horizon, count)
        t0 = log_uniform(g, *shift) if shift else float(spacing == "linear")
        y = (t + t0) ** -p
        if transient:
            until = log_uniform(g, 10.0, 100.0)
            height = log_uniform(g, 10.0, 1e4) * (t0 + 1) ** -p
            y = y + height * np.exp(-np.maximum(t - until, 0) / (until / 5))
        if crossing:
            y = y + (log_uniform(g, *crossing) + t0) ** -p
        return Drawn(t, y * noise(g, len(t), sd, rho), p)

    return draw


def overparam_sum(g: Generator) -> Drawn:
    """The closed form of over-parameterised GD: sum of (1/s_i^2 + 2 eta t)^-2 over 1..5 s_i."""
    t = ticks("log")
    s = log_uniform(g, 0.05, 0.5) * g.uniform(0.3, 1, size=g.integers(1, 6))
    return Drawn(t, ((1 / s[:, None] ** 2 + 0.2 * t) ** -2).sum(0), 2.0)


def exponential(
    spacing: Spacing = "log",
    sd: float = 0.0,
    rho: float = 0.0,
    rate: tuple[float, float] = (1e-3, 1e-2),
    start: Start = "",
    floor: tuple[float, float] | None = None,
    rounding: bool = False,
) -> Callable[[Generator], Drawn]:
    """exp(-rate t), rate log-uniform in `rate`.

    `start` puts before it a plateau of up to two e-folds, or adds 30 exp(-5 rate t). `floor` adds a
    constant in that range; `rounding` a noise of 1e-31 as floating point leaves it, after a scatter
    that concerns the law alone.
    """

    def draw(g: Generator) -> Drawn:
        t, r = ticks(spacing), log_uniform(g, *rate)
        y = np.exp(-r * t)
        if start == "plateau":
            y = np.exp(-r * np.maximum(t - log_uniform(g, 0.02, 2.0) / r, 0))
        elif start == "transient":
            y = y + 30 * np.exp(-5 * r * t)
        if floor:
            y = y + log_uniform(g, *floor)
        y = y * noise(g, len(t), sd, rho)
        if rounding:
            y = y + 1e-31 * noise(g, len(t), 1.0)
        return Drawn(t, y, r)

    return draw


def constant(spacing: Spacing, sd: float, rho: float = 0.0) -> Callable[[Generator], Drawn]:
    """1 with noise."""

    def draw(g: Generator) -> Drawn:
        t = ticks(spacing)
        return Drawn(t, noise(g, len(t), sd, rho), 0.0)

    return draw


def late(drawn: Callable[[Generator], Drawn], low: float, high: float) -> Callable:
    """Only the ticks in [low, high]."""

    def draw(g: Generator) -> Drawn:
        t, y, truth = drawn(g)
        keep = (t >= low) & (t <= high)
        return Drawn(t[keep], y[keep], truth)

    return draw


def coverage_rows() -> list[Row]:
    """Every law, plain, shifted, after a transient, above a floor; noise of several kinds."""
    rows: list[Row] = []
    spacings: tuple[Spacing, Spacing] = ("log", "linear")
    starts: tuple[Start, Start] = ("plateau", "transient")
    for p in (0.5, 1.0, 2.0):
        for spacing in spacings:
            name = f"power {p:g}, {spacing} ticks"
            rows += [
                Row(f"{name}, noise {sd}", power(p, spacing, sd), "power")
                for sd in (0.02, 0.1, 0.3)
            ]
            rows += [
                Row(f"{name}, AR(1) 0.1", power(p, spacing, 0.1, 0.5), "power"),
                Row(f"{name}, no shift, noise 0.1", power(p, spacing, 0.1, shift=None), "power"),
                Row(f"{name}, transient, exact", power(p, spacing, transient=True), "power"),
                Row(
                    f"{name}, transient, noise 0.1", power(p, spacing, 0.1, transient=True), "power"
                ),
            ]
            crossing = (1e3, 3e3) if spacing == "log" else (6e3, 1e4)
            floored = power(p, spacing, 0.1, shift=(3.0, 15.0), crossing=crossing)
            rows.append(Row(f"{name}, floor, noise 0.1", floored, "power"))
    for p in (0.5, 1.0, 2.0):
        setting_in = power(p, "log", 0.1, shift=(3.0, 15.0), crossing=(1e4, 3e4))
        rows.append(
            Row(f"power {p:g}, log ticks, floor setting in, noise 0.1", setting_in, "power")
        )
    rows.append(Row("over-parameterised GD, closed form", overparam_sum, "power"))
    for spacing in spacings:
        name = f"exponential, {spacing} ticks"
        rows += [
            Row(f"{name}, noise {sd}", exponential(spacing, sd), "exponential")
            for sd in (0.02, 0.1, 0.3)
        ]
        rows.append(Row(f"{name}, AR(1) 0.1", exponential(spacing, 0.1, 0.5), "exponential"))
        for start in starts:
            rows += [
                Row(f"{name}, {start}, exact", exponential(spacing, start=start), "exponential"),
                Row(
                    f"{name}, {start}, noise 0.1",
                    exponential(spacing, 0.1, start=start),
                    "exponential",
                ),
                Row(
                    f"{name}, {start}, floor, noise 0.1",
                    exponential(spacing, 0.1, start=start, rate=(1e-3, 3e-3), floor=(1e-6, 1e-4)),
                    "exponential",
                ),
            ]
        brief = exponential(spacing, 0.02, start="transient", rate=(1.7e-4, 3e-4))
        rows.append(Row(f"{name}, transient, 4 to 8 e-folds, noise 0.02", brief, "exponential"))
        rounded = exponential(spacing, start="plateau", rate=(4e-3, 3e-2), rounding=True)
        rows.append(Row(f"{name}, plateau, rounding floor", rounded, "exponential"))
    return rows


def control_rows() -> list[Row]:
    """Wrong claims, each to be contradicted."""

    def infinite(truth: float) -> float:
        return 2.0

    return [
        Row(
            "p = 1 claimed to be 2",
            power(1.0, sd=0.1),
            "power",
            WrongClaim("exponent", lambda p: 2 * p, "equals"),
        ),
        Row(
            "p = 1/2 claimed to be 1, transient",
            power(0.5, sd=0.1, transient=True),
            "power",
            WrongClaim("exponent", lambda p: 2 * p, "equals"),
        ),
        Row(
            "p = 2 claimed exponential",
            power(2.0, sd=0.1),
            "power",
            WrongClaim("rate", lambda p: 1e-3, "equals"),
        ),
        Row(
            "over-parameterised GD claimed exponential",
            power(2.0, transient=True),
            "power",
            WrongClaim("rate", lambda p: 1e-3, "equals"),
        ),
        Row(
            "exponential claimed at most t^-2",
            exponential(sd=0.1, start="plateau"),
            "exponential",
            WrongClaim("exponent", infinite, "at most"),
        ),
        Row(
            "exponential on a rounding floor claimed at most t^-2",
            exponential(start="plateau", rate=(4e-3, 3e-2), rounding=True),
            "exponential",
            WrongClaim("exponent", infinite, "at most"),
        ),
        Row(
            "rate 1.3 times the claimed one, noise 0.1",
            exponential(sd=0.1),
            "exponential",
            WrongClaim("rate", lambda r: r / 1.3, "equals"),
        ),
        Row(
            "rate 1.3 times the claimed one, transient, AR(1) 0.1",
            exponential(sd=0.1, rho=0.5, start="transient"),
            "exponential",
            WrongClaim("rate", lambda r: r / 1.3, "equals"),
        ),
        Row(
            "plateau claimed exponential",
            constant("log", 0.1),
            "plateau",
            WrongClaim("rate", lambda _: 1e-3, "equals"),
        ),
    ]


def hopeless_rows() -> list[Row]:
    """Traces that no law should be read from; for flat noise "plateau" is the truth."""

    def six(g: Generator) -> Drawn:
        t = np.geomspace(10, 1e4, 6)
        return Drawn(t, t**-2 * noise(g, 6, 0.02), 2.0)

    decade = power(2.0, sd=0.02, shift=None)
    return [
        Row("flat noise 0.3, log ticks", constant("log", 0.3), "plateau"),
        Row("flat noise 1, log ticks", constant("log", 1.0), "plateau"),
        Row("flat noise 1, linear ticks", constant("linear", 1.0), "plateau"),
        Row("flat AR(1) 1, linear ticks", constant("linear", 1.0, 0.5), "plateau"),
        Row("one decade of t^-2, noise 0.02", late(decade, 3e3, 3e4), "neither"),
        Row("one decade of t^-2, exact", late(power(2.0, shift=None), 3e3, 3e4), "neither"),
        Row("six ticks of t^-2", six, "neither"),
        Row("two nats of an exponential", late(exponential(sd=0.02, rate=(1e-3, 1e-3)), 0.0, 2e3),
            "neither"),
    ]  # fmt: skip


def measure(row: Row, traces: int, seed: int = 0) -> Tally:
    """Fits `traces` draws of a row; the draws depend on the seed and the row's name alone."""
    g = np.random.default_rng([seed, *row.name.encode()])
    right = neither = covered = contradicted = 0
    widths = []
    for _ in range(traces):
        t, y, truth = row.draw(g)
        f = fit(t, y)
        neither += f.law == "neither"
        if row.claim is not None:
            estimate = f.as_exponent if row.claim.about == "exponent" else f.as_rate
            target = row.claim.target(truth)
            call = decide(estimate, target, row.claim.sense, row.claim.tolerance)
            contradicted += call == Call.CONTRADICTED
        if f.law == row.law:
            right += 1
            low, high = f.interval()
            covered += low <= truth <= high
            widths.append((high - low) / 2 / (truth or 1.0))
    width = float(np.median(widths)) if widths else float("nan")
    return Tally(traces, right, neither, covered, contradicted, width)
