"""The grids of `robust_subgm`: sixteen sweeps, among them three controls and the paper's figures."""

import math
from typing import Any

from matsense.errors import InvalidInput
from matsense.problems.corruption import check_corruption
from matsense.theory import robust as theory
from sims.studies.robust_subgm import trials
from sims.study import Sweep

# The default constants: eta as large as is stable with room (0.5 oscillates), and the constant of
# Thm 27's tie. One eigenvalue needs a travel of log(1/alpha) / 2, so 0.65 leaves room for the
# constants from alpha = 1e-3 on; several eigenvalues need more.
ETA, BUDGET = 0.3, 0.65
METHODS = ("tied", "noiseless", "polyak", "scaled", "l2")


def check(
    d: int,
    m: int,
    r: int = 3,
    k: int | None = None,
    law: str = "gaussian",
    p: float = 0.0,
    scale: float = 0.0,
    nu: float = 0.0,
    kappa: float = 1.0,
    alpha: float = 0.1,
    eta: float = ETA,
    budget: float | None = None,
    travel: float | None = None,
    rho: float | None = None,
    steps: int = 1,
    method: str = "tied",
    start: str = "spectral",
    loss: str = "l1",
    rank: int = 1,
) -> None:
    """Raises InvalidInput for a point of a grid that cannot be an instance and a method."""
    check_corruption(d, r, r if k is None else k, m, p, scale, nu, law, kappa)
    if rank < 1 or rank > d:
        raise InvalidInput(f"rank = {rank}", f"a matrix here has rank 1 to {d}", "give rank = 2")
    for name, value, known in (
        ("method", method, METHODS),
        ("start", start, ("spectral", "random")),
        ("loss", loss, ("l1", "l2")),
    ):
        if value not in known:
            raise InvalidInput(f"{name} = {value}", "there is none of that name", f"give {known}")
    for name, number in (("alpha", alpha), ("steps", steps)):
        if not (number > 0 and math.isfinite(number)):
            raise InvalidInput(f"{name} = {number}", "it must be positive", f"give {name} > 0")
    if not 0 < eta < 1:
        raise InvalidInput(f"eta = {eta}", "the step size lies in (0, 1)", "give 0 < eta < 1")
    if budget is not None:
        if not alpha < 1:
            raise InvalidInput(
                f"alpha = {alpha}", "rho is tied to log(1/alpha), so alpha < 1", "give alpha < 1"
            )
        rho = float(theory.tied_rho(eta, budget, kappa, alpha))
    if travel is not None:
        rho = 1 - eta / travel if travel else -math.inf
    if rho is not None and not 0 < rho < 1:
        remedy = "give 0 < rho < 1" if budget is travel is None else "give a larger travel or budget"
        raise InvalidInput(f"rho = {rho:g}", "rho = 1 - eta / travel lies in (0, 1)", remedy)


def padded_width(k: int, d: int) -> int:
    """Factors are padded to the next multiple of 8 columns, so that ranks share a compilation."""
    return min(8 * -(-k // 8), d)


def sweep(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of this study: one instance a block, since its operator should stay in cache."""
    lane = groups.pop("lane")
    if "k" in lane and trial is not trials.deviation_trial:
        groups["padded"] = {"width": padded_width}
    return Sweep(name, problem, trial, lane=lane, check=check, instances_wide=1, **groups)


def outliers(**changes: Any) -> dict[str, tuple[Any, ...]]:
    """Lanes of a run under outliers N(0, 100) without dense noise, from a small start."""
    return {
        "p": (0.3,),
        "scale": (10.0,),
        "nu": (0.0,),
        "alpha": (1e-5,),
        "k": (20,),
        "eta": (ETA,),
        **changes,
    }


D20 = {"d": (20,), "r": (1,)}
PAPER = {"d": (20,), "steps": (16_000,)}
PAPER_LANES = {"p": (0.1,), "alpha": (1e-15,), "k": (20,), "travel": (45.0, 52.0, 60.0)}


def plain(**changes: Any) -> dict[str, tuple[Any, ...]]:
    """Instance axes at condition number 1 and Gaussian outliers."""
    return {"kappa": (1.0,), "m": (2000,), "law": ("gaussian",), **changes}


sweeps = (
    sweep(
        "scaling",
        trials.instance,
        trials.scaling_trial,
        shape={"d": (10,), "r": (1,), "rank": (2,)},
        instance=plain(
            m=(10_000,),
            law=("gaussian", "constant", "rademacher", "student", "cauchy", "adversarial"),
        ),
        lane={"p": (0.0, 0.3, 0.6, 0.9), "scale": (0.5, 2.0, 10.0), "nu": (0.0, 0.5, 2.0)},
        lanes_wide=40,
        quick={"m": (2000,)},
    ),
    sweep(
        "deviation",
        trials.instance,
        trials.deviation_trial,
        shape={"d": (10, 20, 40), "r": (1,)},
        instance=plain(
            m=(500, 1000, 2000, 4000), law=("gaussian", "adversarial"), loss=("l1",)
        ),
        lane={"p": (0.0, 0.3, 0.6, 0.9), "scale": (10.0,), "k": (1, 2, 4)},
        lanes_wide=16,
        seeds=5,
        quick={"d": (10,), "m": (500, 1000, 2000)},
    ),
    sweep(
        "blow_up",
        trials.instance,
        trials.deviation_trial,
        shape=D20,
        instance=plain(loss=("l1", "l2")),
        lane={"p": (0.3,), "scale": (1.0, 10.0, 100.0, 1000.0), "k": (2,)},
        quick={"m": (1000,)},
    ),
    sweep(
        "population",
        trials.instance,
        trials.expected_trial,
        shape={"d": (20,), "r": (3,), "steps": (20_000,)},
        instance=plain(kappa=(1.0, 3.0), m=(1000,), start=("spectral", "random")),
        lane={
            "alpha": (0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6),
            "k": (4, 8, 20),
            "eta": (ETA,),
        },
        lanes_wide=24,
        quick={"kappa": (1.0,), "steps": (5000,)},
    ),
    sweep(
        "population_tied",
        trials.instance,
        trials.tied_expected_trial,
        shape={"d": (20,), "r": (3,), "steps": (12_000,)},
        instance=plain(kappa=(1.0, 2.0, 4.0), m=(1000,)),
        lane={
            "alpha": (1e-3, 1e-4, 1e-5, 1e-6),
            "k": (4, 20),
            "eta": (ETA,),
            "budget": (1.0,),
        },
        quick={"steps": (6000,), "kappa": (1.0, 2.0)},
    ),
    sweep(
        "sensing",
        trials.instance,
        trials.tied_trial,
        shape={**D20, "steps": (1500,)},
        instance=plain(m=(500, 1000, 2000, 4000)),
        lane={
            **outliers(p=(0.0, 0.1, 0.3), alpha=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7), k=(1, 2, 5, 20)),
            "budget": (BUDGET,),
        },
        lanes_wide=32,
        quick={"m": (500, 1000, 2000), "p": (0.0, 0.1), "alpha": (1e-3, 1e-4, 1e-5)},
    ),
    sweep(
        "fixed_rho",
        trials.instance,
        trials.rho_trial,
        shape={**D20, "steps": (1500,)},
        instance=plain(m=(500, 1000, 2000)),
        # rho tied to the largest and to the smallest alpha of "sensing".
        lane={
            **outliers(p=(0.0, 0.1), alpha=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7), k=(2,)),
            "rho": (0.93319, 0.97136),
        },
        quick={"p": (0.0,)},
    ),
    sweep(
        "noiseless",
        trials.instance,
        trials.method_trial,
        shape={**D20, "steps": (1500,)},
        instance=plain(m=(1000,), method=("noiseless",)),
        lane={
            **outliers(p=(0.0,), alpha=(1e-3, 1e-4, 1e-5, 1e-6, 1e-7), k=(2, 20)),
            "budget": (BUDGET,),
        },
    ),
    sweep(
        "recovery",
        trials.instance,
        trials.tied_trial,
        shape={"d": (10, 20), "r": (1,), "steps": (600,)},
        instance=plain(m=(62, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000)),
        lane={**outliers(p=(0.5, 0.7, 0.8, 0.9), scale=(10.0, 0.0), k=(10,)), "budget": (BUDGET,)},
        quick={"d": (10,), "m": (62, 125, 250, 500, 1000, 2000, 4000)},
        quick_seeds=5,
    ),
    sweep(
        "laws",
        trials.instance,
        trials.tied_trial,
        shape={**D20, "steps": (600,)},
        instance=plain(law=("gaussian", "constant", "rademacher", "student", "cauchy")),
        lane={**outliers(p=(0.3, 0.5), scale=(1.0, 10.0, 1e6)), "budget": (BUDGET,)},
        quick={"p": (0.3,)},
    ),
    sweep(
        "adversarial",
        trials.instance,
        trials.tied_trial,
        shape={**D20, "steps": (600,)},
        instance=plain(law=("adversarial",)),
        lane={**outliers(p=(0.3, 0.7), scale=(1.0,)), "budget": (BUDGET,)},
    ),
    sweep(
        "frozen",
        trials.instance,
        trials.tied_trial,
        shape={**D20, "steps": (600,)},
        instance=plain(),
        lane={**outliers(p=(0.3, 0.7), nu=(0.0, 0.03, 0.1, 0.3)), "budget": (0.3,)},
    ),
    sweep(
        "gaussian",
        trials.instance,
        trials.tied_trial,
        shape={**D20, "steps": (1200,)},
        instance=plain(m=(500, 1000, 2000, 4000)),
        lane={
            **outliers(p=(0.0,), nu=(0.01, 0.03, 0.1), alpha=(1e-3, 1e-4, 1e-6), k=(1, 2, 20)),
            "budget": (BUDGET,),
        },
        lanes_wide=32,
        seeds=20,
        quick={"m": (500, 1000, 2000), "alpha": (1e-3, 1e-4)},
    ),
    sweep(
        "landscape",
        trials.instance,
        trials.rho_trial,
        shape={**D20, "steps": (2000,)},
        instance=plain(m=(300, 400)),
        # rho is tied to the small alpha, for both starts.
        lane={**outliers(p=(0.3, 0.4), alpha=(1.0, 1e-5)), "rho": (0.95991,)},
    ),
    sweep(
        "methods",
        trials.instance,
        trials.method_trial,
        shape={**D20, "steps": (600,)},
        instance=plain(m=(1000,), method=METHODS),
        lane={**outliers(p=(0.0, 0.1, 0.3), k=(1, 20)), "budget": (BUDGET,)},
    ),
    sweep(
        "paper_rank",
        trials.paper_instance,
        trials.paper_trial,
        shape=PAPER,
        instance={"m": (500,), "law": ("gaussian",)},
        lane={**outliers(**PAPER_LANES | {"k": (3, 4, 10, 20)})},
        lanes_wide=12,
        seeds=5,
    ),
)
