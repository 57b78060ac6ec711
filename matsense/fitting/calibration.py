"""Is the fit honest? Traces of known law, how often its intervals hold them, and what it refuses.

A `Row` names a way to draw traces (`matsense.fitting.synthetic`); `measure` fits them and counts.
There are four kinds: known laws, whose 95% interval must hold the value and which must be answered;
unknown laws, whose readings must hold what is true of the end or be refused; wrong claims, which
`decide` must contradict; hopeless traces, of which no law may be named.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from matsense.fitting import synthetic as draw
from matsense.fitting.ceiling import ceiling
from matsense.fitting.estimate import FAMILYWISE, LEVEL, Call, Estimate, Sense, decide
from matsense.fitting.rates import Fit, Law, fit
from matsense.fitting.synthetic import Draw, Drawn, Noise, Spacing, Start

CLOSE = 0.1  # a right claim is "within 10%" of the truth ...
NEAR = 0.25  # ... or within 25%
SPACINGS: tuple[Spacing, Spacing] = ("log", "linear")


class WrongClaim(NamedTuple):
    """A wrong sentence about a trace: what is estimated, and the target as a multiple of truth."""

    about: Literal["exponent", "rate"]
    target: Callable[[float], float]
    sense: Sense
    tolerance: float = 0.05


@dataclass(frozen=True)
class Row:
    """One line of the table: `law` is the right answer (None: any reading that holds the truth)."""

    name: str
    draw: Draw
    law: Law | None = None
    claim: WrongClaim | None = None


class Tally(NamedTuple):
    """Counts over the traces of a row.

    A reading is an exponent or a rate. With a `law`, a trace is answered if the law is named, and
    its value is the reading; without one it is answered if either reading has a value, and covered
    if none excludes the truth.
    """

    traces: int
    answered: int
    neither: int  # no law named
    covered: int  # of those answered, at 95%
    wrong: int  # of those answered, the interval at the familywise level excludes the truth
    contradicted: int  # the wrong claim called contradicted
    close: int  # the right claim within 10% called consistent
    near: int  # and the one within 25%
    half_width: float  # median half width of the interval, relative to the truth
    most_close: float = math.nan  # the largest share of `close` that any honest judge can have,
    most_near: float = math.nan  # and of `near`

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth; NaN for none."""
        return self.covered / self.answered if self.answered else float("nan")


def known_rows() -> list[Row]:
    """Every law, plain, shifted, after a transient, above a floor; noise of several kinds."""
    rows: list[Row] = []
    starts: tuple[Start, Start] = ("plateau", "transient")
    power, exponential = draw.power, draw.exponential
    for p in (0.5, 1.0, 2.0):
        for spacing in SPACINGS:
            crossing = (1e3, 3e3) if spacing == "log" else (6e3, 1e4)
            kinds = {
                **{f"noise {sd}": power(p, spacing, sd) for sd in (0.02, 0.1, 0.3)},
                "AR(1) 0.1": power(p, spacing, 0.1, 0.5),
                "no shift, noise 0.1": power(p, spacing, 0.1, shift=None),
                "transient, exact": power(p, spacing, transient=True),
                "transient, noise 0.1": power(p, spacing, 0.1, transient=True),
                "floor, noise 0.1": power(p, spacing, 0.1, shift=(3.0, 15.0), crossing=crossing),
            }
            rows += [
                Row(f"power {p:g}, {spacing} ticks, {k}", d, "power") for k, d in kinds.items()
            ]
    for p in (0.5, 1.0, 2.0):
        setting_in = power(p, "log", 0.1, shift=(3.0, 15.0), crossing=(1e4, 3e4))
        name = f"power {p:g}, log ticks, floor setting in, noise 0.1"
        rows.append(Row(name, setting_in, "power"))
    rows.append(Row("over-parameterised GD, closed form", draw.overparam_sum, "power"))
    for spacing in SPACINGS:
        slow, low = (1e-3, 3e-3), (1e-6, 1e-4)
        kinds = {f"noise {sd}": exponential(spacing, sd) for sd in (0.02, 0.1, 0.3)}
        kinds["AR(1) 0.1"] = exponential(spacing, 0.1, 0.5)
        for start in starts:
            kinds[f"{start}, exact"] = exponential(spacing, start=start)
            kinds[f"{start}, noise 0.1"] = exponential(spacing, 0.1, start=start)
            kinds[f"{start}, floor, noise 0.1"] = exponential(
                spacing, 0.1, start=start, rate=slow, floor=low
            )
        kinds["transient, 4 to 8 e-folds, noise 0.02"] = exponential(
            spacing, 0.02, start="transient", rate=(1.7e-4, 3e-4)
        )
        kinds["plateau, rounding floor"] = exponential(
            spacing, start="plateau", rate=(4e-3, 3e-2), rounding=True
        )
        rows += [
            Row(f"exponential, {spacing} ticks, {k}", d, "exponential") for k, d in kinds.items()
        ]
    return rows


def unknown_rows() -> list[Row]:
    """Too short, changes of pace, noise that remembers or has tails, laws that the fit has not."""
    exact: dict[str, Noise | None] = {"exact": None}
    small = exact | {"noise 0.02": draw.normal(0.02)}
    usual = small | {"noise 0.1": draw.normal(0.1)}
    strange: dict[str, Noise | None] = {
        **{f"AR({rho}) 0.3": draw.normal(0.3, rho) for rho in (0.8, 0.9, 0.95, 0.98)},
        "random walk 0.03 a tick": draw.walk(0.03),
        "random walk 0.1 a tick": draw.walk(0.1),
        "chi-square, 1 degree": draw.chi_square(1),
        "chi-square, 5 degrees": draw.chi_square(5),
        "Student 3, 0.1": draw.student(0.1, 3.0),
        "Student 1.5, 0.1": draw.student(0.1, 1.5),
    }
    remembers = {name: error for name, error in strange.items() if "AR" in name or "walk" in name}
    rows: list[Row] = []
    for s in SPACINGS:
        laws: list[tuple[str, Draw, dict[str, Noise | None]]] = [
            ("0.5 to 3 nats", draw.few_nats(s, 0.5, 3.0), usual),
            ("0.3 to 1.5 decades", draw.few_decades(s, 0.3, 1.5), usual),
            ("two phases, the slow one last", draw.two_phases(s), usual),
            ("two phases, the fast one last", draw.two_phases(s, faster=True), usual),
            ("growth at the end", draw.growth_at_the_end(s), usual),
            ("sum of 2 to 5 close rates", draw.close_rates(s), usual),
            ("edge of a spectrum", draw.spectral_edge(s), usual),
            ("t^-a exp(-rate t)", draw.algebraic_factor(s), usual),
            ("t^a exp(-rate t), a = 1 to 4", draw.algebraic_factor(s, (1.0, 4.0)), usual),
            ("false floor", draw.false_floor(s), usual),
            ("exponential", draw.exponential(s), strange),
            ("power 1", draw.power(1.0, s), strange),
            ("flat", draw.constant(s, 0.0), remembers),
            ("ln t / sqrt t", draw.logarithm(s, 0.5, 1.0), usual),
            ("ln t / t", draw.logarithm(s, 1.0, 1.0), usual),
            ("1 / ln^2 t", draw.logarithm(s, 0.0, -2.0), usual),
            ("1 / (t^2 ln t)", draw.logarithm(s, 2.0, -1.0), usual),
            ("ln s / sqrt s after a shift", draw.logarithm(s, 0.5, 1.0, (3.0, 300.0)), usual),
            ("1 / (s ln s) after a shift", draw.logarithm(s, 1.0, -1.0, (3.0, 300.0)), usual),
            ("t^-1 beside t^-2", draw.crossover(s), usual),
            ("20 to 60 periods", draw.oscillating(s, 20.0, 60.0), usual),
            ("0.7 to 4 periods", draw.oscillating(s, 0.7, 4.0), usual),
            ("periodic in ln t", draw.log_periodic(s), usual),
            ("exp(-t^b), b = .7 to .9", draw.stretched(s, 0.7, 0.9), usual),
            ("exp(-t^b), b = 1.1 to 1.5", draw.stretched(s, 1.1, 1.5), usual),
        ]
        for name, law, errors in laws:
            for label, error in errors.items():
                rows.append(
                    Row(f"{name}, {s} ticks, {label}", draw.noisy(law, error) if error else law)
                )
    return rows


def control_rows() -> list[Row]:
    """Wrong claims, each to be contradicted."""
    power, exponential = draw.power, draw.exponential

    def twice(p: float) -> float:
        return 2 * p

    def exactly(value: float) -> Callable[[float], float]:
        return lambda _: value

    def slower(r: float) -> float:
        return r / 1.3

    as_rate = WrongClaim("rate", exactly(1e-3), "equals")
    as_square = WrongClaim("exponent", exactly(2.0), "at most")
    rounded = exponential(start="plateau", rate=(4e-3, 3e-2), rounding=True)
    remembering = exponential(sd=0.1, rho=0.5, start="transient")
    return [
        Row("p = 1 claimed to be 2", power(1.0, sd=0.1), "power",
            WrongClaim("exponent", twice, "equals")),
        Row("p = 1/2 claimed to be 1, transient", power(0.5, sd=0.1, transient=True), "power",
            WrongClaim("exponent", twice, "equals")),
        Row("p = 2 claimed exponential", power(2.0, sd=0.1), "power", as_rate),
        Row("over-parameterised GD claimed exponential", power(2.0, transient=True), "power",
            as_rate),
        Row("exponential claimed at most t^-2", exponential(sd=0.1, start="plateau"),
            "exponential", as_square),
        Row("exponential on a rounding floor claimed at most t^-2", rounded, "exponential",
            as_square),
        Row("rate 1.3 times the claimed one, noise 0.1", exponential(sd=0.1), "exponential",
            WrongClaim("rate", slower, "equals")),
        Row("rate 1.3 times the claimed one, transient, AR(1) 0.1", remembering, "exponential",
            WrongClaim("rate", slower, "equals")),
        Row("plateau claimed exponential", draw.constant("log", 0.1), "plateau", as_rate),
    ]  # fmt: skip


def hopeless_rows() -> list[Row]:
    """Traces that no law should be read from; for flat noise "plateau" is the truth."""

    def six(g: np.random.Generator) -> Drawn:
        t = np.geomspace(10, 1e4, 6)
        return Drawn(t, t**-2 * draw.noise(g, 6, 0.02), 0.0, 2.0)

    decade = draw.power(2.0, sd=0.02, shift=None)
    exact_decade = draw.late(draw.power(2.0, shift=None), 3e3, 3e4)
    two_nats = draw.late(draw.exponential(sd=0.02, rate=(1e-3, 1e-3)), 0.0, 2e3)
    return [
        Row("flat noise 0.3, log ticks", draw.constant("log", 0.3), "plateau"),
        Row("flat noise 1, log ticks", draw.constant("log", 1.0), "plateau"),
        Row("flat noise 1, linear ticks", draw.constant("linear", 1.0), "plateau"),
        Row("flat AR(1) 1, linear ticks", draw.constant("linear", 1.0, 0.5), "plateau"),
        Row("one decade of t^-2, noise 0.02", draw.late(decade, 3e3, 3e4), "neither"),
        Row("one decade of t^-2, exact", exact_decade, "neither"),
        Row("six ticks of t^-2", six, "neither"),
        Row("two nats of an exponential", two_nats, "neither"),
    ]


def measure(row: Row, traces: int, seed: int = 0, weighed: int = 0) -> Tally:
    """Fits `traces` draws of a row; the draws depend on the seed and the row's name alone.

    Of the first `weighed` of them the nearest rival laws are sought (`matsense.fitting.ceiling`).
    """
    g = np.random.default_rng([seed, *row.name.encode()])
    counts = [0] * 7
    widths, most = [], []
    for i in range(traces):
        drawn = row.draw(g)
        if row.claim is None and drawn.clean is not None and i < weighed:
            most.append([ceiling(drawn, off) for off in (CLOSE, NEAR)])
        found = fit(drawn.t, drawn.y)
        contradicted = False
        if row.claim is not None:
            estimate, truth = _readings(found, drawn)[row.claim.about == "exponent"]
            target = row.claim.target(truth)
            call = decide(estimate, target, row.claim.sense, row.claim.tolerance)
            contradicted = call is Call.CONTRADICTED
        if row.law is None:
            readings = [(e, x) for e, x in _readings(found, drawn) if not math.isnan(e.value)]
        else:
            named = found.law == row.law
            readings = [(found.estimate, _truth(row.law, drawn))] if named else []
        close = near = False
        if row.law is not None and readings:
            estimate, truth = readings[0]
            low, high = estimate.interval(LEVEL)
            widths.append((high - low) / 2 / (truth or 1.0))
            close = decide(estimate, truth, "equals", CLOSE) is Call.CONSISTENT
            near = decide(estimate, truth, "equals", NEAR) is Call.CONSISTENT
        found_of_it = (
            bool(readings),
            found.law == "neither",
            bool(readings) and all(_holds(e, x, LEVEL) for e, x in readings),
            not all(_holds(e, x, FAMILYWISE) for e, x in readings),
            contradicted,
            close,
            near,
        )
        counts = [count + bool(one) for count, one in zip(counts, found_of_it, strict=True)]
    width = float(np.median(widths)) if widths else float("nan")
    best = np.mean(most, axis=0) if most else [math.nan, math.nan]
    return Tally._make([traces, *counts, width, *map(float, best)])


def _readings(found: Fit, drawn: Drawn) -> tuple[tuple[Estimate, float], tuple[Estimate, float]]:
    return (found.as_rate, drawn.rate), (found.as_exponent, drawn.exponent)


def _truth(law: Law, drawn: Drawn) -> float:
    return drawn.exponent if law == "power" else drawn.rate


def _holds(estimate: Estimate, truth: float, level: float) -> bool:
    low, high = estimate.interval(level)
    return low <= truth <= high
