"""What speaks against a chosen law: its pace, its rivals, an end that is neither flat nor on it."""

import math
from dataclasses import replace

import numpy as np

from matsense.fitting import tuned
from matsense.fitting.estimate import FAMILYWISE, LEVEL
from matsense.fitting.fits import Candidate, Decay, Fit, refused
from matsense.fitting.frames import SMALLEST_WINDOW, Array
from matsense.fitting.pace import UNSETTLED, Witness, examine
from matsense.fitting.rival_powers import beside_powers
from matsense.fitting.rival_rates import beside_edges, beside_the_whole, stretch_beside

NEITHER_FLAT = "its end is neither flat nor on the law of what came before"
TOO_YOUNG = "bent at its start as a power law that begins at"


def witnessed(found: Candidate, decay: Decay) -> Fit:
    """The fit with what the pace of its end says; neither, if that has not settled."""
    f = found.fit
    if f.law == "neither":
        return f
    if f.law == "exponential":
        t, z, a = decay.t[: decay.end], decay.above, found.start
        edges = t[-1] * np.array([0.0625, 0.125, 0.25, 0.5, 1.0])
        witness = examine(t, z, a, edges, steady=0.7, unseen=True)
        if not witness.reason:
            witness = beside_edges(found, t[a:], z[a:], witness)
            if decay.stall is None:  # what a floor hides may be anything
                witness = beside_the_whole(found, t, z, witness)
            b = stretch_beside(found, t, z)
            if b is not None:
                witness = Witness(reason=f"{UNSETTLED} may be that of exp(-t^{b:g}) as well")
    # Of a law that began before the first tick nothing is said.
    elif decay.t[0] < -f.shift and f.window[0] + f.shift < tuned.YOUNG * f.window[0]:
        return refused(f"{TOO_YOUNG} t = {-f.shift:.3g}, just before its window", decay).fit
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
        weighed = math.isnan(decay.floor)
        witness = examine(u, z, a, edges, steady=0.5, unseen=False, drifts=not weighed)
        if not witness.reason and weighed:
            f, witness = widened(f, witness, *beside_powers(found, decay))
            if witness.below > f.value:
                # From no decay to speak of to as much more: what stays is a bound from above.
                witness = Witness(f.value, max(witness.above, f.value))
    if witness.reason:
        return refused(witness.reason, decay).fit
    return replace(f, below=float(witness.below), above=float(witness.above))


def widened(f: Fit, witness: Witness, low: Array, high: Array) -> tuple[Fit, Witness]:
    """Fit and witness whose interval reaches from `low` to `high`, (2,), at both levels.

    What grows with the level is noise and goes to the standard error, as far as neither end of the
    95% interval has to move for it; the rest is how far the limit may lie whatever the noise.
    """
    t = f.estimate._replace(se=1.0)
    narrow, wide = t.half_width(LEVEL), t.half_width(FAMILYWISE)
    low, high = np.minimum(low, f.value), np.maximum(high, f.value)
    grown = max(low[0] - low[1], high[1] - high[0]) / (wide - narrow)
    se = max(f.se, min(grown, min(f.value - low[0], high[0] - f.value) / narrow))
    below = f.value - low[0] - narrow * se
    above = high[0] - f.value - narrow * se
    widest = Witness(max(witness.below, float(below)), max(witness.above, float(above)))
    return replace(f, se=float(se)), widest


def ended(found: Fit, decay: Decay) -> Fit:
    """The fit, with what is known of a flat end."""
    if decay.stall is None or found.reason.startswith(UNSETTLED):
        return found
    rest = decay.z[decay.stall :]
    rest = rest[len(rest) // 2 :]
    i = np.arange(len(rest)) - (len(rest) - 1) / 2
    if (
        len(rest) > 1
        and not decay.rounding
        and abs(i @ rest) / (i @ i) * len(rest) > tuned.FLAT_NATS
    ):
        return refused(NEITHER_FLAT, decay).fit
    begins = float(decay.t[decay.stall])
    flat = float(decay.t[-1]) - begins
    return replace(found, stalls_at=begins, flat=flat, rounding=decay.rounding)
