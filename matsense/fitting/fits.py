"""A fit of one trace: the law of its end as data, and what it says of a rate or of an exponent."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from matsense.fitting import tuned
from matsense.fitting.estimate import FAMILYWISE, Estimate
from matsense.fitting.frames import SMALLEST_WINDOW, Array
from matsense.fitting.windows import Scan

Law = Literal["power", "exponential", "plateau", "neither"]


MAY_BE_FLAT = "its rate may be 0"
SHORT = f"stalls before {SMALLEST_WINDOW} ticks of decay"


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
    doubtful: bool = False  # whether it may be, and nothing tells

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided Student interval of `value`; (-inf, inf) for neither."""
        return self.estimate.interval(level)

    @property
    def estimate(self) -> Estimate:
        """`value` with its error, for `matsense.fitting.estimate.decide`."""
        if self.law == "plateau":
            return self.as_rate
        return Estimate(self.value, self.se, self.dof, self.reason, self.below, self.above)

    @property
    def as_exponent(self) -> Estimate:
        """The fit as an exponent of 1/t: +inf for an exponential; none where the trace is flat.

        A flat end is no exponent 0: the shift t0 of a power law may lie beyond the horizon.
        """
        if self.doubtful:
            return Estimate(math.nan, reason=self._doubt)
        if self.stalled:
            return Estimate(math.nan, reason=f"flat from t = {self.stalls_at:.4g} on")
        if self.law != "exponential":
            return self.estimate
        # What may have rate 0 may be a power law.
        sure = self.interval(FAMILYWISE)[0] > 0
        return Estimate(math.inf, reason="" if sure else MAY_BE_FLAT, below=0 if sure else math.inf)

    @property
    def as_rate(self) -> Estimate:
        """The fit as a rate: that of a power law tends to 0, and what may yet cut it off is slower
        than its pace at the end.

        Of a trace that is flat over the last L the rate is known to lie in [0, 7 / L]: a decay that
        shows must have fallen by `STALLED_NATS`. A deep floor that may be rounding leaves both
        open: the rate is at most that of the decay before it.
        """
        if self.doubtful:
            if self.law != "exponential":
                return Estimate(math.nan, reason=self._doubt)
            return self.estimate._replace(below=max(self.value, self.below), reason=self._doubt)
        if self.stalled:
            above = tuned.STALLED_NATS / self.flat if self.flat else math.inf
            return Estimate(0.0, self.se if self.law == "plateau" else 0.0, self.dof, above=above)
        if self.law != "power":
            return self.estimate
        # Whatever cuts the law off beyond the horizon is slower than the law is at its end.
        ends = self.window[1] + self.shift
        return Estimate(0.0, above=self.value / ends if math.isnan(self.floor) else 0.0)

    @property
    def _doubt(self) -> str:
        where = f"flat at {self.floor:.2g} from t = {self.stalls_at:.4g} on"
        return f"{where}: a stall, or rounding (which floor= would say)"

    @property
    def stalled(self) -> bool:
        """Whether the trace is flat, or ends flat for another reason than rounding."""
        return self.law == "plateau" or not (math.isnan(self.stalls_at) or self.rounding)


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


def refused(reason: str, decay: Decay) -> Candidate:
    """No answer, with the reason; what is known of the floor stays."""
    return Candidate(Fit("neither", floor=decay.floor, reason=reason))
