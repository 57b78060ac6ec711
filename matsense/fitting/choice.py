"""The window on which a law is read: of all late windows the one with the smallest error."""

import math

import numpy as np

from matsense.fitting import tuned
from matsense.fitting.fits import SHORT, Candidate, Decay, Fit, Law, refused
from matsense.fitting.frames import SMALLEST_WINDOW, Array
from matsense.fitting.residuals import jitter
from matsense.fitting.windows import Scan, half_width, scan_line, scan_power_floor, solve

RESOLUTION = 1e-9  # relative error that no fit in double precision undercuts


def best_power(decay: Decay, curve: Scan, other: Fit | None) -> Candidate:
    """The best window of a power law, its floor fitted along with it where there is one."""
    plain = choose_power(decay, curve)
    if not math.isnan(decay.floor):
        # A floor far noisier than the law (rounding) would drown the law in a joint fit; and an
        # exponential that already explains the decay leaves nothing to look for.
        if (other is not None and other.law == "exponential" and plain.fit.law == "neither") or (
            jitter(decay.z[decay.end :]) > tuned.QUIETER * jitter(decay.above) + 1e-6
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
    return plain if through.floor_doubt > tuned.NO_FLOOR and through.fit.law == "power" else through


def power_through_floor(decay: Decay, floor: float) -> Candidate:
    """Law and floor fitted together, from a first guess of the floor."""
    return choose_power(decay, scan_power_floor(decay.t, decay.z, floor, tuned.CLEAR))


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
    columns = np.stack([np.ones_like(d), np.log(d), d, rise], 2)
    s = solve(curve.misfit[js], columns, some, remembers=False)
    seen = s.coefficients[:, 3] > math.sqrt(tuned.EVIDENCE) * s.se[:, 3]
    return bool((seen & (s.variance < 2 * plain.variance)).any())


def choose_power(decay: Decay, scan: Scan) -> Candidate:
    """The window of least error among those with decades enough."""
    lag = scan.last - scan.first
    # The decades must be sure: a shift that noise alone makes negative would conjure them up, and
    # so would one early tick of its own; they are counted from the second.
    early = decay.t[scan.frame.starts + 1] - scan.first
    scale = scan.scale * np.exp(np.minimum(2 * scan.doubt, 50.0))
    sure = np.log10(np.maximum(scale + lag, scale + early) / (scale + early))
    long = sure >= tuned.LEAST_DECADES
    if not long.any():
        return refused(
            f"only {sure.max():.1f} decades of t + t0 are sure, "
            f"a power law needs {tuned.LEAST_DECADES}",
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
    # A short last part of a decay may lie between two waves, or on a pace that drifts.
    long = nats >= max(
        tuned.LEAST_NATS, tuned.LEAST_PART * float(decay.above.max() - decay.above[-1])
    )
    # A power law's rate falls by (t_end + t0) / (t_a + t0) over the window.
    straight = 1 + lag / (curve.scale * np.exp(np.minimum(2 * curve.doubt, 50.0))) <= tuned.CURVED
    if not long.any():
        return refused(
            f"only {max(nats.max(), 0):.1f} nats of decay, an exponential needs {tuned.LEAST_NATS}",
            decay,
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
