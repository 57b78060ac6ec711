"""Where a success probability passes a level: from outcomes, or from shares already taken."""

import math

import numpy as np
from jaxtyping import Float
from scipy import special

from matsense.fitting.estimate import Estimate

LEVELS = (0.95, 0.999)  # of a threshold's interval, whose form depends on the level
FAR = 32.0  # lengths of the axis beyond which a threshold is not sought
# Twice the log-likelihood ratio (a chance of .001) beyond which success depends on the axis. Sets
# that pass only just are those whose threshold came out sharp by chance: their intervals fail.
DEPENDS = float(special.chdtri(1, 0.001))
# The ratio is larger in small samples than in large ones, as Bartlett's correction says; this much
# was found by simulation (2 to 20 runs at each of 5 or 9 places, three steepnesses).
FEW = 8.0


def crossing(
    x: Float[np.ndarray, " n"],
    share: Float[np.ndarray, " n"],
    level: float,
    below: Float[np.ndarray, " n"],
    above: Float[np.ndarray, " n"],
) -> tuple[float, float, float]:
    """Where shares that fall along x pass `level`, linear between neighbours; and its two ends.

    Sampled shares may rise here and there: they are first made to fall, by least squares. The
    ends are where shares lower by `below` and higher by `above` would pass: a crossing moves
    right with any of them. An end is infinite if those pass at no x that was run; the first is
    NaN if the shares themselves do not. With exact shares all three are one.
    """
    from scipy import optimize  # here: a quarter of a second that workers need not spend

    order = np.argsort(x)
    x = x[order]

    def passes(shares: np.ndarray) -> float:
        if not np.all(np.isfinite(shares)):
            return math.nan
        y = optimize.isotonic_regression(shares[order], increasing=False).x
        if not y[-1] < level < y[0]:
            return math.nan
        after = int(np.argmax(y < level))
        low, high = x[after - 1], x[after]
        return float(low + (high - low) * (y[after - 1] - level) / (y[after - 1] - y[after]))

    with np.errstate(invalid="ignore"):  # infinite shares pass nowhere
        first, last = passes(share - below), passes(share + above)
    return (
        passes(share),
        -math.inf if math.isnan(first) else first,
        math.inf if math.isnan(last) else last,
    )


def threshold(x: Float[np.ndarray, " n"], success: Float[np.ndarray, " n"]) -> Estimate:
    """Where the success probability crosses 1/2: a logistic curve in log x, by likelihood.

    The interval holds the thresholds that the likelihood ratio does not reject at 95%, the
    steepness profiled out; it is not symmetric, so that its longer side goes into `below` or
    `above`. `se` is no less than what the ratio at 99.9% asks for, where that is bounded. Where
    outcomes are in order along x (separation), the estimate is the geometric middle of the gap,
    and the gap is `below` and `above`: more runs do not narrow it, more places do. NaN where
    nothing can be told: outcomes all alike, both outcomes at an end of the axis alone, or too few
    runs to reject that success does not depend on x.
    """
    from scipy import optimize

    quantiles = special.stdtrit(x.size - 2, 0.5 + np.array(LEVELS) / 2).tolist()
    rejects = [quantile**2 * (1 + FEW / x.size) for quantile in quantiles]
    log_x = np.log(x)
    failed, passed = log_x[success < 0.5], log_x[success >= 0.5]
    if failed.size == 0 or passed.size == 0:
        return Estimate(math.nan, reason="all runs on one side of the threshold")
    centre, width = float(log_x.mean()), max(float(np.ptp(log_x)), 1e-12)
    u, sign = (log_x - centre) / width, np.where(success >= 0.5, 1.0, -1.0)
    place, best, gap = math.nan, math.nan, (math.nan, math.nan)
    for first, last in ((failed, passed), (passed, failed)):
        if first.max() <= last.min():
            if not np.any(first < last.min()) or not np.any(last > first.max()):
                return Estimate(math.nan, reason="the threshold lies at an end of the axis")
            gap = (first.max(), last.min())
            place = (sum(gap) / 2 - centre) / width
            best = profile(place, u, sign)
    share = passed.size / x.size
    alike = passed.size * math.log(share) + failed.size * math.log1p(-share)
    if math.isnan(place):
        solution = optimize.minimize(
            lambda b: np.logaddexp(0.0, -sign * (b[0] + b[1] * u)).sum(), np.zeros(2), method="BFGS"
        )
        best = -float(solution.fun)
    if math.isnan(place) and 2 * (best - alike) > DEPENDS:
        place = -solution.x[0] / solution.x[1]
    ends = [not_rejected(place, best, u, sign, reject) for reject in rejects]
    if 2 * (best - alike) <= DEPENDS or ends[0] is None:
        return Estimate(math.nan, reason="too few runs to tell that success depends on the axis")
    value = math.exp(centre + width * place)
    # Nothing random moves a threshold within a gap that was not run.
    inner = [value, value] if math.isnan(gap[0]) else [math.exp(at) for at in gap]
    se = 0.0
    for quantile, pair in zip(quantiles, ends, strict=True):
        if pair is not None:
            low, high = (math.exp(centre + width * at) for at in pair)
            se = max(se, min(inner[0] - low, high - inner[1]) / quantile)
    low, high = (math.exp(centre + width * at) for at in ends[0])
    half = se * quantiles[0]
    below = max(value - low - half, value - inner[0])
    above = max(high - value - half, inner[1] - value)
    return Estimate(value, se, x.size - 2, below=below, above=above)


def not_rejected(
    place: float, best: float, u: np.ndarray, sign: np.ndarray, reject: float
) -> tuple[float, float] | None:
    """Where twice the log-likelihood ratio reaches `reject`, to the left and right of `place`.

    None if it does not within FAR lengths of the axis, or if there is no such place.
    """
    if math.isnan(place):
        return None
    from scipy import optimize

    loss = lambda at: 2 * (best - profile(at, u, sign)) - reject  # noqa: E731
    ends = []
    for step in (-0.25, 0.25):
        while loss(place + step) < 0:
            step *= 2
            if abs(step) > FAR:
                return None
        ends.append(optimize.brentq(loss, place, place + step))
    return ends[0], ends[1]


def profile(place: float, u: np.ndarray, sign: np.ndarray) -> float:
    """The largest logistic log-likelihood with its threshold at `place`, over all steepnesses."""
    from scipy import optimize

    along = sign * (u - place)
    if np.all(along >= 0) or np.all(along <= 0):  # infinitely steep
        return -math.log(2) * float(np.sum(along == 0))
    # Concave in the steepness: its derivative falls from above 0 to below.
    far = 1.0
    rise = lambda b: float(along @ special.expit(-b * along))  # noqa: E731
    while rise(far) > 0 or rise(-far) < 0:
        far *= 2
    steepness = optimize.brentq(rise, -far, far)
    return -float(np.logaddexp(0.0, -steepness * along).sum())
