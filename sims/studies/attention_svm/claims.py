"""The claims of [tarzanagh2023svm] and the laws derived for it, in a form that runs can answer."""

import math
from functools import partial

import numpy as np

from matsense.fitting.estimate import Estimate
from matsense.theory import attention as theory
from sims.study import claim, exponent, final, given, happened, lasting, law, limit, recorded, runs

Trace = np.ndarray

# 1 - corr is half a squared distance of unit vectors, each known to some 1e-15.
RESOLUTION = 1e-26

recalled = partial(claim, source="recalled", cite="tarzanagh2023svm (recalled, without numbers)")
abstract = partial(claim, source="abstract", cite="tarzanagh2023svm, abstract")
derived = partial(claim, source="derived", cite="derived: matsense.theory.attention")
trapping = partial(claim, source="derived", cite="derived: matsense.references.attention.traps")


# Readings of what a run recorded, by its name.


def decade(t: Trace, *traces: Trace) -> tuple[Trace, ...]:
    """The ticks of the last decade, and traces there."""
    return tuple(y[t >= t[-1] / 10] for y in (t, *traces))


def speed(t: Trace, norm: Trace) -> float:
    """d||W|| / dt over the last decade; NaN for a single look."""
    t, norm = decade(t, norm)
    return float((norm[-1] - norm[0]) / (t[-1] - t[0])) if len(t) > 1 else math.nan


def log_slope(t: Trace, norm: Trace, unit_norm: float) -> float:
    """d(||W|| / ||W_a||) / d ln t over the last decade, by least squares; NaN for a single tick."""
    t, norm = decade(t, norm)
    return float(np.polyfit(np.log(t), norm / unit_norm, 1)[0]) if len(t) > 1 else math.nan


def drift(t: Trace, misalignment: Trace, norm: Trace) -> Estimate:
    """(1 - corr) ||W||^2 at the end over its value a decade before, an invariant in the limit.

    Before it settles its changes in logarithm shrink from decade to decade, with a remainder of
    order 1 / ln t by (1 - ln 10 / ln t)^2, without a limit (a power of ln t) by about the first
    power of that. Where they shrink by the power 1.5 or more, 1 is within the answer.
    """
    if t[0] > t[-1] / 100:
        return Estimate(math.nan, reason="less than two decades of ticks")
    ends = [int(np.flatnonzero(t >= t[-1] / size)[0]) for size in (100, 10, 1)]
    invariant = misalignment[ends] * norm[ends] ** 2
    if not np.all(invariant > 0):
        return Estimate(math.nan, reason="1 - corr is 0 to rounding")
    before, now = map(float, invariant[1:] / invariant[:-1])
    slower = (1 - math.log(10) / math.log(t[-1])) ** 1.5
    nearing = abs(math.log(now)) <= slower * abs(math.log(before))
    return Estimate(now, below=nearing * max(now - 1, 0.0), above=nearing * max(1 - now, 0.0))


MEAN_CORR = law(
    "mean corr", lambda t, misalignment: theory.gd_log_slope(decade(t, misalignment)[1])
)
DECAY = exponent("misalignment", floor=RESOLUTION)
LOCAL, BEST = (
    final("local").called("locally optimal, 1 or 0"),
    final("best").called("best, 1 or 0"),
)
FIRST_BEST = recorded(lambda best: np.ravel(best)[0], "best at the first look, 1 or 0")
TO_W = final("to_frobenius").called(r"$1-\mathrm{corr}$ to $W_{mm}$")
TO_NUCLEAR = final("to_nuclear").called(r"$1-\mathrm{corr}$ to the nuclear solution")
STEEPNESS = recorded("min(min(iterates), min(samples)) / bound", "least cos, over its bound")
DOWNHILL = recorded(
    lambda iterates, samples: np.mean(np.append(iterates, samples) > 0),
    r"share of $W$ with $-\langle\nabla L(W),W_{mm}\rangle>0$",
)

# What claims suppose of a run: settings, horizons, what happened.

OVER = given("d >= max(T - 1, n)")
# NGD adds eta to the norm with each step, if it adds to it at all.
LONG = lasting("steps * min(eta, 1) >= 1000")
GROWS = happened(
    r"$\|W\|$ grew by $\eta/2$ a step or more over the last decade",
    lambda t, norm, eta: speed(t, norm) >= eta / 2,
)
# With 1 - corr = e a decade before the end the speed is then within e / 9 of eta.
ALIGNED = lasting(
    r"$1-\mathrm{corr}(W,W_a)\leq 0.01$ a decade before the end",
    lambda t, misalignment: decade(t, misalignment)[1][0] <= 0.01,
)
RESOLVED = happened(
    r"$1-\mathrm{corr}(W,W_a)$ is above its rounding",
    lambda misalignment: min(misalignment) > RESOLUTION,
)
# Plain GD: depth m leaves better tokens that are no support tokens a mass of exp(-m) or so.
DEEP = lasting(
    rf"$\|W\|\geq {theory.FAR_OUT:g}\|W_a\|$ a decade before the end",
    lambda t, norm, unit_norm: decade(t, norm)[1][0] >= theory.FAR_OUT * unit_norm,
)
GROWS_IN_LN = happened(
    r"$\|W\|$ grew by $\|W_a\|/2$ an e-fold of $t$ or more over the last decade",
    lambda t, norm, unit_norm: log_slope(t, norm, unit_norm) >= 0.5,
)
# Polyak's step has a length of its own: the norm is the clock.
FAR = lasting(
    r"$\|W\|\geq 100\|W_a\|$ at the end", lambda norm, unit_norm: norm[-1] >= 100 * unit_norm
)
FROM_FAR_OUT = (
    # A run must move by about the depth before it can have left; back through 0 is the farthest.
    lasting("eta * steps >= 10 * depth"),
    # A step moves a margin by up to eta max ||x_is - x_it|| ||z_i||, 2 eta on the sphere.
    given("eta <= depth / 10"),
    # A descent finds the direction to start in, which takes long where ||W_a|| is large.
    happened(r"started along it: $1-\mathrm{corr}\leq 0.001$", "off <= 0.001"),
    lasting(r"$\eta$ steps $\geq 1.5\|W(0)\|$", "eta * steps >= 1.5 * start_norm"),
)
# Not part of what is said of equal scores where nothing separates the best tokens.
SEPARABLE = happened("$W_{mm}$ exists", lambda to_best=None: to_best is not None)
DECIDED = lasting(r"$|1-c|\,\|W\|/\|W_S\|\geq 5$ for every $S$", "undecided >= 5")
OWN_DECIDED = lasting(r"$|1-c|\,\|W\|/\|W_S\|\geq 5$", "own_undecided >= 5")
SOLVED = lasting(r"optimality gap of the path's point $\leq 10^{-6}$", "gap <= 1e-6")
ALONG = (lasting("kappa >= 32"), SOLVED)
FULL = given("m >= min(n, d)")
# kappa^2 (1 - corr) of the (K, Q) path to its own limit settles at 10 or less (seen at n = 3,
# T = 4, d = 6); a second limit must lie well beyond that to be told apart.
APART = lasting(
    r"$\kappa^2(1-\mathrm{corr})$ of the two solutions $\geq 100$", "kappa**2 * apart >= 100"
)

# Of the local optimum 99 in 100: it is a limit, and where two scores are nearly equal a run leaves
# its token later. A share of runs cannot rise beyond 1: from d = 15 on it is 0.95 and more.
RISING = (lasting("eta * first >= 150"), "n == T == 5", "4 <= d <= 15")

NGD = ("ngd", "losses")
CANCELS = runs("autograd", words="automatic differentiation in float32, past saturation")
SLOW = runs("gd", words=r"plain GD, $1-\mathrm{corr}\sim 1/\ln^2t$")
PERMUTED = runs("permuted", words="labels permuted after training")
OPTIMAL = runs("start", seen="local == 1", words="a locally optimal direction")
NOT_OPTIMAL = runs("start", seen="local == 0", words="a direction that is not locally optimal")
IN_TRAP = runs("trap", seen="own_lag > 1", words="NGD started along $W_S$ with $c>1$")
OUT_OF_TRAP = runs("trap", seen="own_lag < 1", words="NGD started along $W_S$ with $c<1$")
EQUAL = runs("landscape", where="equal == 1")
UNEQUAL = runs("landscape", where="equal == 0", words="unequal scores")
# A run that selects no best token at all follows no W_S, and has no lag.
ELSEWHERE = runs(
    "equal",
    seen=lambda best, own_lag=None: best == 0 and own_lag is not None,
    words="equal: ended at the best tokens of some inputs alone",
)
OVER_W, OVER_KQ = runs("path_w", words="the path over W"), runs("path_kq", words="the (K, Q) path")

claims = (
    recalled(
        "feasible",
        r"$d\geq\max(T-1,n)$: (Att-SVM) is feasible for every token choice",
        final("feasible").equals(1),
        about=runs("feasible"),
        given=(OVER,),
        control=runs("feasible", where="d == 2 and T == 9 and n == 8"),
    ),
    abstract(
        "direction",
        r"NGD: $W/\|W\|_F\to W_a/\|W_a\|_F$, $a$ the tokens that the run ends at",
        limit("misalignment").at_most(0, 0.01),
        about=runs(*NGD),
        given=(LONG, GROWS),
        control=CANCELS,
    ),
    derived(
        "direction/ngd-rate",
        r"NGD: $1-\mathrm{corr}(W,W_a)\sim t^{-2}$",
        DECAY.equals(theory.EXPONENT, 0.05).in_the_mean(),
        about=runs(*NGD),
        given=(LONG, GROWS, RESOLVED),
        control=SLOW,
    ),
    derived(
        "direction/ngd-norm",
        r"NGD: $\|W(t)\|_F\sim\eta t$ over the last decade",
        recorded(speed).equals(law("eta", theory.ngd_speed), 0.005).with_probability(0.9),
        about=runs(*NGD),
        given=(LONG, GROWS, ALIGNED),
        control=runs("gd"),
    ),
    derived(
        "direction/polyak-rate",
        r"Polyak's step: $1-\mathrm{corr}(W,W_a)\sim t^{-2}$",
        DECAY.equals(theory.EXPONENT, 0.05).in_the_mean(),
        about=runs("polyak"),
        given=(FAR, RESOLVED),
        control=SLOW,
    ),
    derived(
        "direction/gd-norm",
        r"GD: $d\|W\|_F/d\ln t=\|W_a\|_F\,\mathrm{corr}(W,W_a)$, hence $\ln t+O(1)$",
        recorded(log_slope).equals(MEAN_CORR, 0.02).with_probability(0.8),
        about=runs("gd"),
        given=(DEEP, GROWS_IN_LN),
        control=runs("ngd"),
    ),
    derived(
        "direction/gd-invariant",
        r"GD: $(1-\mathrm{corr})\|W\|_F^2\to$ const, so $1-\mathrm{corr}\sim 1/\ln^2t$",
        recorded(drift, "its change over the last decade").equals(1, 0.15).with_probability(0.8),
        about=runs("gd"),
        given=(DEEP, GROWS_IN_LN, RESOLVED),
        control=CANCELS,
    ),
    recalled(
        "direction/local",
        r"NGD ends at a locally optimal choice of tokens, 99 of 100 runs by $\eta t=10^3$",
        LOCAL.equals(1).with_probability(0.99),
        about=runs(*NGD, "shares"),
        given=(LONG, GROWS),
        control=PERMUTED,
    ),
    recalled(
        "local/stays",
        r"started at depth $\geq 5$ / clearance along a locally optimal choice, NGD keeps it",
        recorded("min(stays)", "kept at every tick (1 or 0)").equals(1),
        about=OPTIMAL,
        given=FROM_FAR_OUT,
        control=NOT_OPTIMAL,
    ),
    recalled(
        "local/leaves",
        "started in a direction that is not locally optimal, NGD leaves it",
        final("remains").equals(0),
        about=NOT_OPTIMAL,
        given=FROM_FAR_OUT,
        control=OPTIMAL,
    ),
    abstract(
        "global/landscape",
        r"equal non-optimal scores: $-\langle\nabla L(W),W_{mm}\rangle>0$, no stationary point",
        DOWNHILL.equals(1),
        about=EQUAL,
        given=(OVER,),
        control=UNEQUAL,
    ),
    derived(
        "global/angle",
        r"equal scores: $\cos(-\nabla L,W_{mm})\geq 1/(R\|W_{mm}\|)$, $R=\max\|x_{opt}-x_t\|\|z\|$",
        STEEPNESS.at_least(1, 1e-9),
        about=EQUAL,
        control=UNEQUAL,
    ),
    recalled(
        "global/first-step",
        "equal scores, the first step separates the best tokens of every input: it ends at them",
        BEST.equals(1),
        about=runs("equal"),
        given=(LONG, happened("the first step's least margin is positive", "first_margin > 0")),
        control=IN_TRAP,
    ),
    recalled(
        "global/unconditional",
        "equal scores and no more (stronger than the paper): every run ends at the best tokens",
        BEST.equals(1),
        about=runs("equal"),
        given=(LONG, SEPARABLE, DECIDED),
        control=PERMUTED,
    ),
    trapping(
        "global/untrapped",
        r"equal non-optimal scores, no trap ($c\leq 1$): every run ends at the best tokens",
        BEST.equals(1),
        about=runs("equal"),
        given=(LONG, SEPARABLE, happened("no trap", "lag <= 1"), DECIDED),
        control=IN_TRAP,
    ),
    trapping(
        "global/trap",
        r"started in a trap ($c>1$) at depth $\geq 5/(c-1)$, NGD never selects all best tokens",
        BEST.equals(0),
        about=IN_TRAP,
        given=FROM_FAR_OUT,
        control=OUT_OF_TRAP,
    ),
    trapping(
        "global/trap-lag",
        r"equal scores: a run that ends elsewhere has left inputs behind by $c>1$",
        final("own_lag").at_least(1),
        about=ELSEWHERE,
        given=(LONG, OWN_DECIDED),
        control=OUT_OF_TRAP,
    ),
    trapping(
        "global/trap-direction",
        r"equal scores: such a run follows $W_S$ of the inputs $S$ that it selects best",
        limit("to_left").at_most(0, 0.01),
        about=ELSEWHERE,
        given=(LONG, OWN_DECIDED),
        control=OUT_OF_TRAP,
    ),
    claim(
        "global/dimension",
        "the share of runs that end at the best tokens rises with $d$, 0.05 per e-fold or more",
        FIRST_BEST.slope("d").at_least(0.05).in_the_mean(),
        source="measured",
        cite="measured at these sizes; the paper says only that it rises",
        about=runs("shares"),
        given=RISING,
        control=PERMUTED,
    ),
    derived(
        "regpath-W",
        r"$\arg\min_{\|W\|_F\leq B}L\to$ direction of $W_{mm}$, $1-\mathrm{corr}\sim\kappa^{-2}$",
        TO_W.scaling("kappa").equals(-theory.EXPONENT, 0.075).in_the_mean(),
        about=OVER_W,
        given=ALONG,
        control=OVER_KQ,
    ),
    derived(
        "regpath-KQ",
        r"$\arg\min_{\|K\|^2+\|Q\|^2\leq 2B}L$: $KQ^\top\to$ nuclear solution, $\sim\kappa^{-2}$",
        TO_NUCLEAR.scaling("kappa").equals(-theory.EXPONENT, 0.075).in_the_mean(),
        about=OVER_KQ,
        given=(FULL, *ALONG),
        control=OVER_W,
    ),
    recalled(
        "regpath-KQ/norm",
        r"the (K, Q) path fills the nuclear ball: $\|KQ^\top\|_*=B$",
        final("fills").equals(1, 0.001),
        about=OVER_KQ,
        given=(FULL, SOLVED),
        control=OVER_W,
    ),
    abstract(
        "regpath-KQ/other",
        r"the (K, Q) path tends to the nuclear solution, not to $W_{mm}$",
        recorded("to_nuclear / to_frobenius").at_most(1),
        about=OVER_KQ,
        given=(FULL, *ALONG, APART),
        control=runs("path_w", where="kappa >= 256"),
    ),
    recalled(
        "rank",
        r"$\mathrm{rank}\leq\min(n,d)$, of either max-margin solution",
        recorded("rank / min(n, d)").at_most(1),
        about=runs("svm"),
        control=runs("anywhere", words="NGD from a Gaussian start, whose null part stays"),
    ),
    recalled(
        "rank/nuclear",
        r"the nuclear solution has a much lower rank (read as: $\leq 0.75\min(n,d)$ in the mean)",
        recorded("rank / min(n, d)").at_most(0.75).in_the_mean(),
        about=runs("svm", where="schatten == 1"),
        given=("n >= 3 and T >= 4", OVER),
        control=runs("svm", where="schatten == 2", words="the Frobenius solution"),
    ),
    abstract(
        "nonlinear",
        r"ReLU head, GD: $W\approx W_{fin}+C\,W_{svm}$ for the sets of kept tokens, where clear",
        final("to_law").at_most(0, 0.05).in_the_mean(),
        about=runs("nonlinear", where="sets == 1"),
        given=(lasting("eta * steps >= 1e5"),),
        control=runs("nonlinear", where="sets == 0", seen="several > 0", words="the peak alone"),
    ),
)
