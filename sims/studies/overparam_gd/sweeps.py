"""The grids of `overparam_gd`: eight sweeps, two of them controls."""

from typing import Any

from matsense.operators import cheaper_form
from sims.studies.overparam_gd import trials
from sims.study import Sweep
from sims.study.ranges import FOURTH, STEPS, Fits, Ranges, Rule, positive, real, whole

RANGES: Ranges = {
    "n": whole("the side of a matrix", 2),
    "n1": whole("the side of a matrix", 2),
    "n2": whole("the side of a matrix", 2),
    "r": whole("the rank of the truth"),
    "k": whole("the search rank"),
    "m": whole("the number of measurements"),
    "kappa": real("the condition number sigma_1 / sigma_r", 1, FOURTH[1]),
    "alpha": positive("the size of a start", FOURTH),
    "eta": positive("a step size"),
    "steps": STEPS,
    "balance": positive("beta^2 of the modified step, in units of sigma_r"),
    "trigger": positive("the level of the modified step, in units of sigma_r"),
}


def held(m: int, p: int, steps: int) -> int:
    """Entries of an operator's matrix on a space of dimension p."""
    return p * (p if cheaper_form(m, p, steps * trials.LANES) == "gram" else m)


# Trials that record every 50th step.
DENSE = {**RANGES, "steps": whole("the number of steps", 1, 10**7, "every 50th is recorded")}
OPERATOR = "the measurement operator"
RULES = (
    Rule("the search rank is not below the rank of the truth, k >= r", lambda k, r: k >= r),
    Rule("a factor has at most n columns, k <= n", lambda k, n: k <= n),
    Rule("a factor has at most n1 columns, k <= n1", lambda k, n1: k <= n1),
    Rule("a factor has at most n2 columns, k <= n2", lambda k, n2: k <= n2),
    Rule(
        "one singular value has kappa = 1, another kappa needs r >= 2",
        lambda r, kappa: kappa == 1 or r >= 2,
    ),
    Fits("a matrix", lambda n: n * n),
    Fits("a matrix", lambda n1, n2: n1 * n2),
    Fits(OPERATOR, lambda m, n, steps: held(m, n * (n + 1) // 2, steps)),
    Fits(OPERATOR, lambda m, n1, n2, steps: held(m, n1 * n2, steps)),
)


def padded_width(k: int, n: int = 10**9, n1: int = 10**9, n2: int = 10**9) -> int:
    """Factors are padded to the next multiple of 8 columns, so that ranks share a compilation."""
    return min(8 * -(-k // 8), n, n1, n2)


def sweep(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of this study: common block sizes, padding and ranges."""
    lane = {"eta": (0.1,), **groups.pop("lane")}
    # A dense operator should stay in cache while its lanes use it, so it has its block alone.
    alone = "m" in groups["instance"]
    return Sweep(
        name,
        problem,
        trial,
        lane=lane,
        padded={"width": padded_width},
        ranges=RANGES if trial is trials.symmetric_trial else DENSE,
        rules=RULES,
        instances_wide=1 if alone else 5,
        **{"lanes_wide": trials.LANES, **groups},
    )


SQUARE = {"n": (50,), "r": (3,)}
RECTANGLE = {"n1": (50,), "n2": (40,), "r": (3,)}
SMALL_RECTANGLE = {"n1": (40,), "n2": (30,), "r": (3,)}
SMALLER = {"n1": (24,), "n2": (20,), "m": (600,)}

sweeps = (
    sweep(
        "symmetric",
        trials.symmetric_population,
        trials.symmetric_trial,
        shape={**SQUARE, "steps": (300_000,)},
        instance={"kappa": (1.0, 3.0)},
        lane={"k": (3, 4, 5, 8), "alpha": (0.5, 0.2, 0.1)},
        quick={"kappa": (1.0,), "alpha": (0.5, 0.2), "steps": (30_000,)},
    ),
    sweep(
        "asymmetric",
        trials.asymmetric_population,
        trials.asymmetric_trial,
        after=trials.limit_rate,
        shape={**RECTANGLE, "steps": (20_000,)},
        instance={"kappa": (1.0, 3.0)},
        lane={"k": (3, 4, 5), "alpha": (0.5, 0.35, 0.25, 0.15, 0.1)},
        lanes_wide=16,
        quick={"kappa": (1.0,)},
    ),
    sweep(
        "one_step",
        trials.asymmetric_population,
        trials.one_step_trial,
        after=trials.limit_rate,
        shape={**RECTANGLE, "steps": (3_000,)},
        instance={"kappa": (1.0, 3.0)},
        lane={
            "k": (4, 5),
            "alpha": (0.5, 0.35, 0.2, 0.1),
            "balance": (0.5, 1.0, 2.0),
            "trigger": (0.05,),
        },
        quick={"kappa": (1.0,), "balance": (1.0,)},
    ),
    sweep(
        "symmetric_sensing",
        trials.symmetric_measured,
        trials.symmetric_trial,
        shape={**SQUARE, "steps": (10_000,)},
        instance={"kappa": (1.0,), "m": (625, 1250, 2500, 12_500)},
        lane={"k": (3, 4, 5), "alpha": (0.5, 0.2)},
        quick={"n": (30,), "m": (450,)},
    ),
    sweep(
        "asymmetric_sensing",
        trials.asymmetric_measured,
        trials.asymmetric_trial,
        after=trials.limit_rate,
        shape={**SMALL_RECTANGLE, "steps": (10_000,)},
        instance={"kappa": (1.0,), "m": (750, 1500, 6000)},
        lane={"k": (3, 4, 5), "alpha": (0.5, 0.35, 0.25, 0.2)},
        lanes_wide=16,
        quick=SMALLER,
    ),
    sweep(
        "one_step_sensing",
        trials.asymmetric_measured,
        trials.one_step_trial,
        after=trials.limit_rate,
        shape={**SMALL_RECTANGLE, "steps": (3_000,)},
        instance={"kappa": (1.0,), "m": (1500,)},
        lane={"k": (4, 5), "alpha": (0.5, 0.35, 0.2), "balance": (1.0,), "trigger": (0.05,)},
        quick=SMALLER,
    ),
    sweep(
        "twin_start",
        trials.symmetric_population,
        trials.twin_trial,
        after=trials.without_factors,
        shape={**SQUARE, "steps": (10_000,)},
        instance={"kappa": (1.0,)},
        lane={"k": (4, 5), "alpha": (0.5, 0.35)},
    ),
    sweep(
        "symmetrised",
        trials.symmetrised_measured,
        trials.asymmetric_trial,
        after=trials.without_factors,
        shape={"n": (30,), "r": (3,), "steps": (3_000,)},
        instance={"kappa": (1.0,), "m": (900,)},
        lane={"k": (3, 4), "alpha": (0.5, 0.35)},
    ),
)
