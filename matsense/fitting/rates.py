"""Which law a trace follows in the end, with which exponent or rate, and how surely.

A trace may begin with a plateau and a fast transient and may end on a floor; in between it follows
C (t + t0)^-p or C exp(-rate t). One principle finds the window: among all starts, take the one with
the smallest error, where the error counts lack of fit and whatever the value still drifts by when
the window shrinks (`matsense.fitting.choice`). The law is then held against what speaks
against its being that of the end (`matsense.fitting.witnesses`), which
widens its interval or takes it back.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from matsense.fitting import tuned
from matsense.fitting.choice import best_exponential, best_power, power_through_floor
from matsense.fitting.estimate import Estimate
from matsense.fitting.fits import SHORT, Decay, Fit, Law, refused
from matsense.fitting.floors import find_stall
from matsense.fitting.frames import SMALLEST_WINDOW, Array
from matsense.fitting.windows import scan_line, scan_power
from matsense.fitting.witnesses import NEITHER_FLAT, ended, witnessed

__all__ = [
    "Fit", "Law", "fit", "fit_locally", "local_exponent",
]  # fmt: skip


def fit(t: ArrayLike, y: ArrayLike, *, start: float = 0.0, resolution: float = 0.0) -> Fit:
    """The law that y (n,) follows in the end on the increasing ticks t (n,), from t >= start on.

    Ticks with y <= 0 or not finite are dropped; a trace whose last entry is not finite diverged.
    Values at or below `resolution` are known to be rounding: the trace ends before the first of
    them. (A rounding floor need not be flat: it can creep down for ever.) A
    power law needs 8 ticks and 1.5 sure decades of t + t0, an exponential 8 ticks and 3.5 nats;
    where both hold, the one with clearly smaller residuals on the later of their windows is taken.
    """
    return law_of(prepare(t, y, start, resolution), resolution)


def law_of(decay: Decay | Fit, resolution: float) -> Fit:
    """The law of a trace made ready, see `fit`."""
    if isinstance(decay, Fit):
        return decay
    found = ended(_law(decay), decay)
    # A method that amplifies rounding ends on a floor that no scale of the trace's own tells.
    deep = resolution == 0 and decay.floor <= tuned.DEEP * float(np.exp(decay.z.max()))
    return replace(found, doubtful=deep and found.stalled and found.law != "plateau")


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
    if abs(rss_e - rss_p) <= tuned.EVIDENCE * min(power.variance, exponential.variance):
        return refused("a power law and an exponential fit its end equally well", decay).fit
    return witnessed(power if rss_p < rss_e else exponential, decay)


def fit_locally(
    t: ArrayLike, y: ArrayLike, *, start: float = 0.0, resolution: float = 0.0
) -> Estimate:
    """The pace -d log y / dt over the later half of a trace: a local slope, no limit.

    By least squares on the ticks in the later half of the time from `start` to the last tick
    before `resolution` or a floor that is rounding; its error knows of noise that remembers, not of
    where the pace may go. A trace that stalls has the pace of its stall, about 0. No value for
    fewer than 8 ticks, or if the trace diverged.
    """
    return pace_of(prepare(t, y, start, resolution))


def pace_of(decay: Decay | Fit) -> Estimate:
    """The local pace of a trace made ready, see `fit_locally`."""
    if isinstance(decay, Fit):
        if decay.law == "plateau":
            return Estimate(0.0, decay.se, decay.dof)
        return Estimate(math.nan, reason=decay.reason)
    stalls = decay.stall is not None and not decay.rounding
    ticks, z = (decay.t, decay.z) if stalls else (decay.t[: decay.end], decay.above)
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
    rounding = floor <= max(tuned.GUESSED * resolution, tuned.ROUNDING * float(y.max()))
    # A flat end is taken as long as it can be seen as flat, so it may begin with ticks that decay.
    end = int(np.argmax(z <= math.log(tuned.ABOVE_FLOOR * floor)))
    if (
        end < SMALLEST_WINDOW
        and z[:stall].max(initial=-math.inf) - math.log(floor) < tuned.LEAST_NATS
    ):
        if len(rest) < tuned.LEAST_STALL:
            return Fit("neither", floor=floor, reason=SHORT)
        line = scan_line(t[stall:], rest, smallest=tuned.LEAST_STALL)
        if abs(float(line.value[0])) * float(t[-1] - t[stall]) > tuned.FLAT_NATS:
            return Fit("neither", floor=floor, reason=NEITHER_FLAT)
        return Fit(
            "plateau", 0.0, float(line.se[0]), float(line.dof[0]), (float(t[stall]), float(t[-1])),
            len(rest), 0.0, math.log(floor), floor, stalls_at=float(t[stall]),
            flat=float(t[-1] - t[stall]), rounding=rounding,
        )  # fmt: skip
    scatter = float(np.exp(settled).std()) / floor
    if len(rest) < tuned.LEAST_STALL:
        scatter = max(scatter, 1.0)  # seen too seldom: known to a factor only
    ratio = floor / y[:end]
    # z itself is known to rounding, so y - floor is to that times the floor over what is left.
    error = scatter / math.sqrt(len(settled)) + abs(settled[-1] - settled[0]) + 1e-14
    return Decay(
        t, z, end, floor, np.log(y[:end] - floor), stall, rounding, (scatter * ratio) ** 2,
        error * ratio,
    )  # fmt: skip


def spread(residuals: Array) -> float:
    """Sum of squares about the mean: a level of its own is free to either law."""
    return float(((residuals - residuals.mean()) ** 2).sum())


def joint_reason(p: Fit, e: Fit) -> str:
    """Why neither law holds, said once if both were refused for one reason."""
    return p.reason if p.reason == e.reason else f"{p.reason}; {e.reason}"
