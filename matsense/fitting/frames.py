"""The late windows of a trace, on all of which a law is fitted at once.

A window is [a, n): a law is a statement about the end, so only its start is sought. Windows are
rows, padded with zeros, which least squares does not see.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matsense.fitting import tuned

Array = NDArray[np.float64]

SMALLEST_WINDOW = 8
MOST_MODES = 16


class Frame(NamedTuple):
    """The candidate windows of a trace with n ticks."""

    starts: NDArray[np.intp]  # (K,) increasing
    counts: Array  # (K,)
    mask: Array  # (K, n) 1 inside the window
    modes: Array  # (K, n, J) cosines of frequency 1..J on each window


@lru_cache(maxsize=64)
def frame(n: int, smallest: int = SMALLEST_WINDOW) -> Frame:
    """The windows that leave out 0, 1, 2, 3, 5 ... ticks or keep `smallest`, ... ticks; cached."""
    left_out = np.geomspace(1, n, int(np.log(n) / np.log(tuned.FRONT_RATIO)) + 2)
    kept = np.geomspace(smallest, n, int(np.log(n / smallest) / np.log(tuned.WINDOW_RATIO)) + 2)
    starts = np.unique(np.concatenate([[0], left_out, n - kept]).astype(np.intp))
    starts = starts[starts <= n - smallest]
    i = np.arange(n)
    inside = i >= starts[:, None]
    counts = (n - starts).astype(float)
    phase = np.pi * (i - starts[:, None] + 0.5) / counts[:, None]
    J = int(mode_count(counts).max()) + 3
    # By Chebyshev's recurrence: a product costs a tenth of a cosine.
    modes = np.empty((J, *phase.shape))
    modes[0] = np.cos(phase)
    before, twice = np.ones_like(phase), 2 * modes[0]
    for j in range(1, J):
        np.multiply(twice, modes[j - 1], out=modes[j])
        modes[j] -= before if j == 1 else modes[j - 2]
    modes = np.ascontiguousarray((modes * inside).transpose(1, 2, 0))
    return Frame(starts, counts, inside.astype(float), modes)


def repeated(n: int, times: int) -> Frame:
    """The window of all n ticks, so many times: for several laws on one window."""
    f = frame(n, smallest=n)
    return f._replace(**{name: np.repeat(getattr(f, name), times, 0) for name in f._fields})


def mode_count(counts: Array) -> Array:
    """How many slow modes measure the noise: few enough to be slow, many enough to average."""
    return np.clip(np.round(0.5 * counts ** (2 / 3)), 3, MOST_MODES)


def dot(u: Array, v: Array) -> Array:
    """Row by row, (K,)."""
    return np.einsum("kn,kn->k", u, v)
