"""Where a trace stalls: the flat end that a decay leads to, found with no law in mind."""

import numpy as np

from matsense.fitting import tuned
from matsense.fitting.frames import SMALLEST_WINDOW, Array
from matsense.fitting.residuals import jitter
from matsense.fitting.windows import half_width, scan_line


def find_stall(t: Array, z: Array) -> int | None:
    """First tick of the longest flat end that a steep decay leads to, or that is nearly all.

    Flat: d log z / d log t is zero within its error, or tiny. Steep: over an equally long stretch
    of log t just before, the trace falls several times as far as the flat end possibly does. A law
    has no such break, so the rule needs to know none.
    """
    x = np.log(np.where(t > 0, t, t[t > 0][0] / 2))
    s = scan_line(x, z, smallest=tuned.LEAST_STALL, remembers=False)
    half = half_width(s)
    flat = (np.abs(s.value) < half) | (np.abs(s.value) + half < tuned.FLAT)
    span = x[-1] - s.first
    hidden = (np.abs(s.value) + half) * span
    for k in np.flatnonzero(flat):
        a = int(s.frame.starts[k])
        before = int(np.searchsorted(x, x[a] - span[k]))
        if before == 0:
            # Nothing as long came before: either it is the whole trace or a decay of a few ticks.
            whole = a == 0 or span[k] > 0.5 * (x[-1] - x[0])
            if whole and hidden[k] < tuned.HIDDEN and level(z[a:]):
                return a
            if a < 2:
                continue
        before = max(min(before, a - tuned.LEAST_STALL), 0)
        xb = x[before : a + 1] - x[before : a + 1].mean()
        fall = -float(xb @ z[before : a + 1] / (xb @ xb)) * span[k]
        if fall > tuned.STEEPER * hidden[k]:
            return a
    return short_stall(t, x, z)


def level(z: Array) -> bool:
    """Whether the last third of z stands where the first does, but for the scatter of the ticks.

    A slow decay without noise is not flat. Scatter is told by second
    differences, to which a decay is straight; noise that remembers may make the means differ by
    `LEVELLED` times what independent noise would.
    """
    third = max(len(z) // 3, 1)
    apart = abs(float(z[:third].mean() - z[-third:].mean()))
    return apart <= tuned.EVEN + tuned.LEVELLED * jitter(z) * float(np.sqrt(2 / third))


def short_stall(t: Array, x: Array, z: Array) -> int | None:
    """First of the last few ticks if all of them lie far above where the ticks before point.

    Too few to be seen as flat, they would still bend the law. Its stand-in is the parabola through
    the `SMALLEST_WINDOW` ticks before them, continued, in t or in x = log t: neither law
    passes far above it, for their third derivatives are negative or small in both. A slower law
    that shows on so few ticks cannot be told from a floor.
    """
    for a in range(max(len(z) - SMALLEST_WINDOW, SMALLEST_WINDOW), len(z)):
        before = slice(a - SMALLEST_WINDOW, a)
        pace = (z[a - 1] - z[before.start]) / (t[a - 1] - t[before.start])
        if z[a] - z[a - 1] < 0.995 * pace * (t[a] - t[a - 1]):
            continue  # still falling as before
        for axis in (t / t[-1], x):
            unit = axis[a] - axis[a - SMALLEST_WINDOW]
            A, ahead = (np.vander((axis[s] - axis[a]) / unit, 3) for s in (before, slice(a, None)))
            inverse = np.linalg.pinv(A)
            b = inverse @ z[before]
            noise = ((z[before] - A @ b) ** 2).sum() / (SMALLEST_WINDOW - 3)
            error = np.sqrt(noise * (1 + ((ahead @ inverse) ** 2).sum(1)))
            above = z[a:] - ahead @ b - tuned.OUTLYING * error
            if b[1] < 0 and above.min() > 0.02 and above.max() > 0.3:
                return a
    return None
