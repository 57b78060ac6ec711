"""Which law a trace follows in the end, with which exponent or rate, and how surely.

A trace may begin with a plateau and a fast transient and may end on a floor; in between it follows
C (t + t0)^-p or C exp(-rate t). One principle finds the window: among all starts, take the one with
the smallest error, where the error counts lack of fit and whatever the value still drifts by when
the window shrinks (`matsense.laws`). It trades bias for variance with no threshold to tune.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from matsense.estimate import Estimate
from matsense.laws import (
    SMALLEST_WINDOW,
    Array,
    Scan,
    half_width,
    repeated,
    scan_line,
    scan_power,
    scan_power_floor,
    solve,
)
from matsense.pace import UNSETTLED, Witness, examine
from matsense.stalls import LEAST_STALL, find_stall

Law = Literal["power", "exponential", "plateau", "neither"]

LEAST_DECADES = 1.5  # of t + t0, for a power law
LEAST_NATS = 3.5  # of decay, for an exponential
ABOVE_FLOOR = 10.0  # ticks within this factor of a floor are left to the floor
CLEAR = 2.0  # ticks above this many floors give the first guess of a law fitted with its floor
HOLDS = 1.5  # a law holds on every window on which its residuals are at most so much larger
EQUAL = 1.0  # noise variances by which a rival's sum of squares may be larger
LOGARITHM = 2.0  # the same for a logarithm, and for each parameter that the law has more
SOME = 1.5  # standard errors from which on a logarithm counts as seen
FARTHER = 2.0  # by which the unknown unit of a logarithm may move its exponent further
STALLED_NATS = 7.0  # a decay that shows falls by this: waves may hide half of it
UNSEEN = 0.33  # a fitted floor with a relative error above this is none
EVIDENCE = 10.0  # gap between sums of squares, in noise variances, that settles a choice
CURVED = 1.5  # the rate of an exponential may not change by more than this over its window
QUIETER = 3.0  # a law this many times quieter than its floor is not fitted together with it
ROUNDING = 1e-20  # of its largest value: a floor below that of a squared error is arithmetic
GUESSED = 1e4  # and so is one that is this many times the level that the author guessed
RESOLUTION = 1e-9  # relative error that no fit in double precision undercuts


@dataclass(frozen=True)
class Fit:
    """The law of a trace's end; t in the unit of the ticks, y in its own unit.

    `value` is the exponent p of C (t + t0)^-p, the rate (nats per unit of t) of C exp(-rate t), 0
    for a plateau (whose `se` is that of its slope in nats per unit of t), NaN for neither.
    """

    law: Law
    value: float = math.nan
    se: float = math.nan  # includes serial correlation, lack of fit and the choice of the window
    dof: float = math.inf
    window: tuple[float, float] = (math.nan, math.nan)  # t of the first and last tick used
    points: int = 0
    shift: float = 0.0  # t0
    log_level: float = math.nan  # log C
    floor: float = math.nan  # level at which the trace stalls; NaN if it decays to its end
    decades: float = 0.0  # of t + t0 (power) or of y (exponential) inside the window
    below: float = 0.0  # how far the limit may lie below `value`, beyond the noise
    above: float = 0.0  # and above
    reason: str = ""  # why "neither", in one sentence
    stalls_at: float = math.nan  # t from which on it is flat; NaN if it is not
    flat: float = 0.0  # for how long
    rounding: bool = False  # whether that floor is rounding, from the run's own scale

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided Student interval of `value`; (-inf, inf) for neither."""
        return self.estimate.interval(level)

    @property
    def estimate(self) -> Estimate:
        """`value` with its error, for `matsense.estimate.decide`."""
        return Estimate(self.value, self.se, self.dof, self.reason, self.below, self.above)

    @property
    def as_exponent(self) -> Estimate:
        """The fit as an exponent of 1/t: +inf for an exponential; none where the trace is flat.

        A flat end is no exponent 0: the shift t0 of a power law may lie beyond the horizon.
        """
        if self.stalled:
            return Estimate(math.nan, reason=f"flat from t = {self.stalls_at:.4g} on")
        return Estimate(math.inf) if self.law == "exponential" else self.estimate

    @property
    def as_rate(self) -> Estimate:
        """The fit as a rate: 0 for a power law, whose rate tends to 0.

        Of a trace that is flat over the last L the rate is known to lie in [0, 7 / L]: a decay that
        shows must have fallen by `STALLED_NATS`.
        """
        if self.stalled:
            return Estimate(0.0, above=STALLED_NATS / self.flat if self.flat else math.inf)
        return Estimate(0.0) if self.law == "power" else self.estimate

    @property
    def stalled(self) -> bool:
        """Whether the trace ends flat, and not for rounding."""
        return not (math.isnan(self.stalls_at) or self.rounding)


class Decay(NamedTuple):
    """A trace made ready: its positive ticks, and what stands above its floor."""

    t: Array  # (N,) all usable ticks
    z: Array  # (N,) log y on them
    end: int  # ticks before the floor
    floor: float  # nan where there is none
    above: Array  # (end,) log(y - floor)
    stall: int | None  # the first tick of its flat end
    rounding: bool  # whether the floor is that of the arithmetic
    blur: Array | None  # (end,) variance of `above` that the floor's scatter causes
    tilt: Array | None  # (end,) error of `above` that the floor's own error causes


class Candidate(NamedTuple):
    """A law's best window: the fit, the tick it starts at, residuals from there, their variance."""

    fit: Fit
    start: int = 0
    misfit: Array = np.empty(0)
    variance: float = math.nan
    floor_doubt: float = math.inf  # standard error of the log of a fitted floor
    scan: Scan | None = None  # all windows of the law


def fit(t: ArrayLike, y: ArrayLike, *, start: float = 0.0, resolution: float = 0.0) -> Fit:
    """The law that y (n,) follows in the end on the increasing ticks t (n,), from t >= start on.

    Ticks with y <= 0 or not finite are dropped; a trace whose last entry is not finite diverged.
    Values at or below `resolution` are known to be rounding: the trace ends before the first of
    them. (A rounding floor need not be flat: it can creep down for ever.) A
    power law needs 8 ticks and 1.5 sure decades of t + t0, an exponential 8 ticks and 3.5 nats;
    where both hold, the one with clearly smaller residuals on the later of their windows is taken.
    """
    decay = prepare(t, y, start, resolution)
    return decay if isinstance(decay, Fit) else ended(_law(decay), decay)


def ended(found: Fit, decay: Decay) -> Fit:
    """The fit, with what is known of a flat end."""
    if decay.stall is None or found.reason.startswith(UNSETTLED):
        return found
    begins = float(decay.t[decay.stall])
    flat = float(decay.t[-1]) - begins
    return replace(found, stalls_at=begins, flat=flat, rounding=decay.rounding)


def _law(decay: Decay) -> Fit:
    """The better of the two laws, or neither."""
    if decay.end < SMALLEST_WINDOW:
        power, exponential = power_through_floor(decay, decay.floor), refused(SHORT, decay)
    else:
        curve = scan_power(decay.t[: decay.end], decay.above)
        exponential = best_exponential(decay, curve)
        power = best_power(decay, curve, other=exponential.fit)
    p, e = power.fit, exponential.fit
    if p.law == "neither" or e.law == "neither":
        found = exponential if p.law == "neither" else power
        if found.fit.law == "neither":
            return refused(joint_reason(p, e), decay).fit
        return witnessed(found, decay)
    # Both hold: their residuals are compared where both windows reach.
    later = min(max(power.start, exponential.start), decay.end - 1)
    rss_p = spread(power.misfit[later - power.start : decay.end - power.start])
    rss_e = spread(exponential.misfit[later - exponential.start :])
    if abs(rss_e - rss_p) <= EVIDENCE * min(power.variance, exponential.variance):
        return refused("a power law and an exponential fit its end equally well", decay).fit
    return witnessed(power if rss_p < rss_e else exponential, decay)


def witnessed(found: Candidate, decay: Decay) -> Fit:
    """The fit with what the pace of its end says; neither, if that has not settled."""
    f = found.fit
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
            return refused(SHORT, decay).fit
        step = (u[-1] - u[a]) / 2
        edges = u[-1] - step * np.arange(4, -1, -1.0)
        witness = examine(u, z, a, edges, steady=0.5, unseen=False)
        if not witness.reason and math.isnan(decay.floor):
            witness = beside_rivals(found, decay, witness)
    if witness.reason:
        return refused(witness.reason, decay).fit
    return replace(f, below=witness.below, above=witness.above)


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
    equal &= np.abs(s.coefficients[:, 2]) > SOME * s.se[:, 2]
    apart = [0.0, *(FARTHER * (s.coefficients[equal, 1] - found.fit.value))]
    # t^-p (1 + c / t)
    bent = z - np.log1p(t[-1] * np.geomspace(0.01, 1.0, 8)[:, None] / t)
    columns = np.broadcast_to(np.stack([np.ones_like(x), -x], 1), (*bent.shape, 2))
    s = solve(bent, columns, repeated(len(t), 8))
    equal = (s.misfit**2).sum(1) < own + EQUAL * found.variance
    apart += [*(s.coefficients[equal, 1] - found.fit.value)]
    return Witness(max(witness.below, -min(apart)), max(witness.above, max(apart)))


def fit_power(t: ArrayLike, y: ArrayLike, *, start: float = 0.0, resolution: float = 0.0) -> Fit:
    """C (t + t0)^-p with p, t0 and the window free, or neither with the reason."""
    decay = prepare(t, y, start, resolution)
    if isinstance(decay, Fit):
        return as_neither(decay)
    if decay.end < SMALLEST_WINDOW:
        return power_through_floor(decay, decay.floor).fit
    curve = scan_power(decay.t[: decay.end], decay.above)
    return best_power(decay, curve, other=None).fit


def fit_exponential(
    t: ArrayLike, y: ArrayLike, *, start: float = 0.0, resolution: float = 0.0
) -> Fit:
    """C exp(-rate t) with the rate and the window free, or neither with the reason."""
    decay = prepare(t, y, start, resolution)
    if isinstance(decay, Fit):
        return as_neither(decay)
    if decay.end < SMALLEST_WINDOW:
        return refused(SHORT, decay).fit
    return best_exponential(decay, scan_power(decay.t[: decay.end], decay.above)).fit


def fit_locally(
    t: ArrayLike, y: ArrayLike, *, start: float = 0.0, resolution: float = 0.0
) -> Estimate:
    """The pace -d log y / dt over the later half of the decay: a local slope, no limit.

    By least squares on the ticks in the later half of the time from `start` to the last tick
    before `resolution` or a floor; its error knows of noise that remembers, not of where the pace
    may go. No value for fewer than 8 ticks, or if the trace diverged or is flat.
    """
    decay = prepare(t, y, start, resolution)
    if isinstance(decay, Fit):
        return Estimate(math.nan, reason=as_neither(decay).reason)
    ticks, z = decay.t[: decay.end], decay.above
    late = ticks >= (ticks[0] + ticks[-1]) / 2 if ticks.size else np.zeros(0, bool)
    if late.sum() < SMALLEST_WINDOW:
        return Estimate(math.nan, reason=SHORT)
    line = scan_line(ticks[late], z[late])
    return Estimate(float(line.value[0]), float(line.se[0]), float(line.dof[0]))


def local_exponent(t: ArrayLike, y: ArrayLike) -> Array:
    """-d log y / d log t on the ticks (n,), by central differences: a curve for the eye.

    NaN where t or y is not positive, and beside such ticks.
    """
    with np.errstate(all="ignore"):
        x, z = np.log(np.asarray(t, float)), np.log(np.asarray(y, float))
        x, z = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(z), z, np.nan)
        return -np.gradient(z, x)


def predict(fit: Fit, t: ArrayLike) -> Array:
    """The law without its floor at t; NaN for neither, and for t <= -t0 of a power law."""
    t = np.asarray(t, float)
    with np.errstate(all="ignore"):
        if fit.law == "power":
            argument = np.where(t + fit.shift > 0, t + fit.shift, np.nan)
            return np.exp(fit.log_level - fit.value * np.log(argument))
        return np.exp(fit.log_level - fit.value * t)


SHORT = f"stalls before {SMALLEST_WINDOW} ticks of decay"


def prepare(ticks: ArrayLike, values: ArrayLike, start: float, resolution: float) -> Decay | Fit:
    """Usable ticks with the floor found; or the answer, where it needs no law."""
    t, y = np.asarray(ticks, dtype=float), np.asarray(values, dtype=float)
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f"t {t.shape} and y {y.shape} must be two vectors of one length")
    if not (np.diff(t) > 0).all() or not t.min(initial=0.0) >= 0:
        raise ValueError("the ticks t must be >= 0 and increase")
    if y.size and not np.isfinite(y[-1]):
        return Fit("neither", reason="diverged")
    keep = np.isfinite(y) & (y > 0) & (t >= start)
    t, y = t[keep], y[keep]
    rounding = y <= resolution
    if rounding.any():
        t, y = t[: np.argmax(rounding)], y[: np.argmax(rounding)]
    if t.size < SMALLEST_WINDOW:
        return Fit("neither", reason=f"{t.size} usable ticks, a fit needs {SMALLEST_WINDOW}")
    z = np.log(y)
    stall = find_stall(t, z)
    if stall is None:
        return Decay(t, z, len(t), math.nan, z, None, False, None, None)
    # The trace may still approach its floor: only the later half of the flat end says where it is.
    rest = z[stall:]
    settled = rest[len(rest) // 2 :]
    floor = float(np.exp(settled).mean())
    rounding = floor <= max(GUESSED * resolution, ROUNDING * float(y.max()))
    # A flat end is taken as long as it can be seen as flat, so it may begin with ticks that decay.
    end = int(np.argmax(z <= math.log(ABOVE_FLOOR * floor)))
    if end < SMALLEST_WINDOW and z[:stall].max(initial=-math.inf) - math.log(floor) < LEAST_NATS:
        line = scan_line(t[stall:], rest, smallest=LEAST_STALL)
        return Fit(
            "plateau", 0.0, float(line.se[0]), float(line.dof[0]), (float(t[stall]), float(t[-1])),
            len(rest), 0.0, math.log(floor), floor, stalls_at=float(t[stall]),
            flat=float(t[-1] - t[stall]), rounding=rounding,
        )  # fmt: skip
    scatter = float(np.exp(settled).std()) / floor
    if len(rest) < LEAST_STALL:
        scatter = max(scatter, 1.0)  # seen too seldom: known to a factor only
    ratio = floor / y[:end]
    # z itself is known to rounding, so y - floor is to that times the floor over what is left.
    error = scatter / math.sqrt(len(settled)) + abs(settled[-1] - settled[0]) + 1e-14
    return Decay(
        t, z, end, floor, np.log(y[:end] - floor), stall, rounding, (scatter * ratio) ** 2,
        error * ratio,
    )  # fmt: skip


def best_power(decay: Decay, curve: Scan, other: Fit | None) -> Candidate:
    """The best window of a power law, its floor fitted along with it where there is one."""
    plain = choose_power(decay, curve)
    if not math.isnan(decay.floor):
        # A floor far noisier than the law (rounding) would drown the law in a joint fit; and an
        # exponential that already explains the decay leaves nothing to look for.
        if (other is not None and other.law == "exponential" and plain.fit.law == "neither") or (
            jitter(decay.z[decay.end :]) > QUIETER * jitter(decay.above) + 1e-6
        ):
            return plain
        return power_through_floor(decay, decay.floor)
    # A floor that has not flattened the end yet bends it all the same.
    if plain.fit.law == "neither":
        if other is not None and other.law == "exponential":
            return plain
    elif not floor_suspected(decay, curve, plain):
        return plain
    through = power_through_floor(decay, 0.7 * math.exp(decay.z[-1]))
    return plain if through.floor_doubt > UNSEEN and through.fit.law == "power" else through


def power_through_floor(decay: Decay, floor: float) -> Candidate:
    """Law and floor fitted together, from a first guess of the floor."""
    return choose_power(decay, scan_power_floor(decay.t, decay.z, floor, CLEAR))


def floor_suspected(decay: Decay, curve: Scan, plain: Candidate) -> bool:
    """Whether it is worth fitting a floor that does not flatten the end.

    Near the law L, log(L + floor) = log L + floor / L: the column 1 / L is tested beside the
    derivatives of the law, on the chosen window and on earlier ones that, given a floor, would be
    as quiet. A late window may also hide the bend in a shift that turns negative.
    """
    if plain.fit.se <= RESOLUTION * plain.fit.value:
        return False  # exact: what is left is rounding
    f = curve.frame
    k = int(np.searchsorted(f.starts, plain.start))
    if curve.scale[k] * math.exp(min(2 * curve.doubt[k], 50.0)) < curve.first[k]:
        return True
    js = np.unique(np.linspace(0, k, 6).astype(int))
    some = f._replace(**{name: getattr(f, name)[js] for name in f._fields})
    d = 1 / (1 + np.maximum(decay.t - curve.first[js, None], 0.0) / curve.scale[js, None])
    rise = (d / d[:, -1:]) ** -np.clip(curve.value[js, None], 0, 20)
    s = solve(curve.misfit[js], np.stack([np.ones_like(d), np.log(d), d, rise], 2), some)
    seen = s.coefficients[:, 3] > math.sqrt(EVIDENCE) * s.se[:, 3]
    return bool((seen & (s.variance < 2 * plain.variance)).any())


def choose_power(decay: Decay, scan: Scan) -> Candidate:
    """The window of least error among those with decades enough."""
    lag = scan.last - scan.first
    # The decades must be sure: a shift that noise alone makes negative would conjure them up, and
    # so would one early tick of its own; they are counted from the second.
    early = decay.t[scan.frame.starts + 1] - scan.first
    scale = scan.scale * np.exp(np.minimum(2 * scan.doubt, 50.0))
    sure = np.log10(np.maximum(scale + lag, scale + early) / (scale + early))
    long = sure >= LEAST_DECADES
    if not long.any():
        return refused(
            f"only {sure.max():.1f} decades of t + t0 are sure, a power law needs {LEAST_DECADES}",
            decay,
        )
    k = int(np.argmin(np.where(long, preference(scan), np.inf)))
    decades = float(np.log10(1 + lag[k] / scan.scale[k]))
    floor = decay.floor if math.isnan(scan.floor[k]) else float(scan.floor[k])
    shift = float(scan.scale[k] - scan.first[k])
    return candidate("power", decay, scan, k, shift, decades, floor)


def best_exponential(decay: Decay, curve: Scan) -> Candidate:
    """The window of least error among those with nats enough and no sure curvature."""
    t = decay.t[: decay.end]
    scan = scan_line(t, decay.above, blur=decay.blur, tilt=decay.tilt)
    lag = scan.last - scan.first
    nats = scan.value * lag
    long = nats >= LEAST_NATS
    # A power law's rate falls by (t_end + t0) / (t_a + t0) over the window.
    straight = 1 + lag / (curve.scale * np.exp(np.minimum(2 * curve.doubt, 50.0))) <= CURVED
    if not long.any():
        return refused(
            f"only {max(nats.max(), 0):.1f} nats of decay, an exponential needs {LEAST_NATS}", decay
        )
    if not (long & straight).any():
        return refused("its decay slows down as no exponential does", decay)
    k = int(np.argmin(np.where(long & straight, preference(scan), np.inf)))
    return candidate("exponential", decay, scan, k, 0.0, float(nats[k]) / math.log(10), decay.floor)


def candidate(
    law: Law, decay: Decay, scan: Scan, k: int, shift: float, decades: float, floor: float
) -> Candidate:
    """Window k of a scan as a fit; refused where its value is not clear of zero."""
    value = float(scan.value[k])
    if value < 1.5 * half_width(scan)[k]:
        return refused(f"scatter and lack of fit leave the value of its {law} law open", decay)
    a = int(scan.frame.starts[k])
    window = (float(scan.first[k]), float(scan.last[k]))
    points = int(((decay.t >= window[0]) & (decay.t <= window[1])).sum())
    if points < SMALLEST_WINDOW:
        return refused(SHORT, decay)
    return Candidate(
        Fit(
            law, value, max(float(scan.se[k]), RESOLUTION * value), float(scan.dof[k]), window,
            points, shift, float(scan.level[k]), floor, decades,
        ),
        a,
        scan.misfit[k, a:],
        float(scan.variance[k]),
        float(scan.floor_doubt[k]),
        scan,
    )  # fmt: skip


def preference(scan: Scan) -> Array:
    """What the chosen window minimises, (K,): relative half width, more so the more it leaves out.

    Short windows are many and their errors uncertain: the luckiest of them would win too often.
    Half the ticks must therefore promise an error smaller by the square root of two.
    """
    relative = half_width(scan) / np.where(scan.value > 0, scan.value, np.nan)
    return np.nan_to_num(relative / np.sqrt(scan.frame.counts), nan=np.inf)


def spread(residuals: Array) -> float:
    """Sum of squares about the mean: a level of its own is free to either law."""
    return float(((residuals - residuals.mean()) ** 2).sum())


def jitter(z: Array) -> float:
    """Scatter from tick to tick, blind to trends: from second differences."""
    return float(np.sqrt(np.mean(np.diff(z, 2) ** 2) / 6)) if len(z) > 2 else 0.0


def joint_reason(p: Fit, e: Fit) -> str:
    """Why neither law holds, said once if both were refused for one reason."""
    return p.reason if p.reason == e.reason else f"{p.reason}; {e.reason}"


def refused(reason: str, decay: Decay) -> Candidate:
    """No answer, with the reason; what is known of the floor stays."""
    return Candidate(Fit("neither", floor=decay.floor, reason=reason))


def as_neither(fit: Fit) -> Fit:
    """A plateau is no answer to a question about one law."""
    return Fit("neither", floor=fit.floor, reason=fit.reason or "flat from beginning to end")
