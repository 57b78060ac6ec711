"""The grids of `overparam_gd`: eight sweeps, two of them controls."""

import math
from typing import Any

from matsense.errors import InvalidInput
from matsense.problems import sensing
from sims.studies.overparam_gd import trials
from sims.study import Sweep


def check(
    r: int,
    k: int,
    kappa: float,
    alpha: float,
    eta: float,
    steps: int,
    n: int | None = None,
    n1: int | None = None,
    n2: int | None = None,
    m: int = 1,
    balance: float = 1.0,
    trigger: float = 1.0,
) -> None:
    """Raises InvalidInput for a point of a grid that cannot be an instance and a start."""
    sensing.check_sizes(n1 or n or 0, n2 or n or 0, r, k, kappa, m)
    positive = {
        "alpha": alpha,
        "eta": eta,
        "steps": steps,
        "balance": balance,
        "trigger": trigger,
    }
    for name, value in positive.items():
        if not (value > 0 and math.isfinite(value)):
            raise InvalidInput(f"{name} = {value}", "it must be positive", f"give {name} > 0")


def padded_width(k: int, n: int = 10**9, n1: int = 10**9, n2: int = 10**9) -> int:
    """Factors are padded to the next multiple of 8 columns, so that ranks share a compilation."""
    return min(8 * -(-k // 8), n, n1, n2)


def sweep(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of this study: common block sizes, padding and checks."""
    lane = {"eta": (0.1,), **groups.pop("lane")}
    # A dense operator should stay in cache while its lanes use it, so it has its block alone.
    alone = "m" in groups["instance"]
    return Sweep(
        name,
        problem,
        trial,
        lane=lane,
        padded={"width": padded_width},
        check=check,
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
