"""The grids of `attention_svm`; `permuted`, `anywhere` and `autograd` are controls."""

import math
from typing import Any

from matsense.errors import InvalidInput
from matsense.losses import check_loss
from matsense.problems.attention import check_sizes
from sims.studies.attention_svm import stages, trials
from sims.study import Sweep


def check(
    n: int,
    T: int,
    d: int,
    m: int = 1,
    loss: str = "logistic",
    tokens: str = "sphere",
    queries: str = "cross",
    steps: int = 1,
    first: int = 1,
    eta: float = 1.0,
    kappa: float = 1.0,
    depth: float = 1.0,
    schatten: int = 2,
    sets: int = 1,
    choice: int = 0,
    left: int = 0,
    longest: float = 1.0,
    equal: int = 1,
) -> None:
    """Raises InvalidInput for a point of a grid that cannot be an instance and a run."""
    check_sizes(n, T, d, m, tokens, queries)
    check_loss(loss)
    lengths = {"eta": eta, "longest": longest, "depth": depth}
    positive = {"steps": steps, "kappa": kappa, **lengths}
    for name, value in positive.items():
        if not (value > 0 and math.isfinite(value)):
            raise InvalidInput(f"{name} = {value}", "it must be positive", f"give {name} > 0")
    for name, length in lengths.items():
        if length > LONGEST:
            rule = "norms that grow by it are squared, which must be a number"
            raise InvalidInput(f"{name} = {length}", rule, f"give {name} <= {LONGEST:g}")
    allowed = {"schatten": (schatten, (1, 2)), "sets": (sets, (0, 1)), "equal": (equal, (0, 1))}
    for name, (value, known) in allowed.items():
        if value not in known:
            raise InvalidInput(f"{name} = {value}", f"it is one of {known}", f"give {name}=1")
    if not 0 < first <= steps:
        raise InvalidInput(f"first = {first}", f"it is 1 to steps = {steps}", "give a smaller one")
    if choice < 0:
        raise InvalidInput(f"choice = {choice}", "choices are numbered from 0", "give choice=0")
    if not 0 <= left < n:
        raise InvalidInput(f"left = {left}", f"inputs are 0 to {n - 1}", "give left=0")
    if kappa > 500:
        rule = "exp(-kappa) must be a number, with room"
        raise InvalidInput(f"kappa = {kappa}", rule, "give kappa <= 500")


def check_equal(n: int, T: int, d: int, steps: int = 1, eta: float = 1.0) -> None:
    """`check`, and few enough inputs that all their sets can be tried as traps."""
    check(n, T, d, steps=steps, eta=eta)
    if n > MOST_INPUTS:
        rule = f"all 2^n sets of inputs are tried as traps, with n <= {MOST_INPUTS}"
        raise InvalidInput(f"n = {n}", rule, f"give equal.n={MOST_INPUTS} or less")


def check_trap(
    n: int, T: int, d: int, steps: int = 1, eta: float = 1.0, depth: float = 1.0, left: int = 0
) -> None:
    """`check`, and two inputs or more: one is left out."""
    check(n, T, d, steps=steps, eta=eta, depth=depth, left=left)
    if n < 2:
        raise InvalidInput(f"n = {n}", "one input is left out of several", "give trap.n=2 or more")


def sweep(name: str, problem: Any, trial: Any, after: Any, **groups: Any) -> Sweep:
    """A sweep of this study: tiny instances, many to a block, so that each operation is shared."""
    return Sweep(
        name,
        problem,
        trial,
        after=after,
        **{"check": check, "instances_wide": 10, "lanes_wide": 1, "quick_seeds": 10, **groups},
    )


# The authors' sizes of the convergence experiment, and small ones for long runs and paths.
AUTHORS = {"n": (6,), "T": (8,), "d": (10,)}
SMALL = {"n": (3,), "T": (4,), "d": (6,)}
STEP = {"eta": (0.1,)}
# Largest step: W = eta t, its logits and the squares of its norm stay far below 1e308.
LONGEST = 1e100
MOST_INPUTS = 10

sweeps = (
    sweep(
        "ngd",
        trials.problem,
        trials.ngd_trial,
        stages.descent,
        shape={**AUTHORS, "queries": ("cross", "self"), "steps": (100_000,)},
        lane=STEP,
        seeds=100,
        instances_wide=25,
        quick={"queries": ("cross",)},
        quick_seeds=25,
    ),
    sweep(
        "losses",
        trials.problem,
        trials.ngd_trial,
        stages.descent,
        shape={
            **SMALL,
            "tokens": ("sphere", "gaussian"),
            "loss": ("logistic", "exponential", "correlation"),
            "steps": (30_000,),
        },
        lane=STEP,
        seeds=20,
        quick={"tokens": ("gaussian",), "loss": ("exponential",)},
    ),
    sweep(
        "gd",
        trials.problem,
        trials.gd_trial,
        stages.descent,
        shape={**SMALL, "steps": (1_000_000,)},
        lane={"eta": (3.0,)},
        # With 40 seeds the claim on (1 - corr) ||W||^2 was inconclusive on two fresh sets of three;
        # 0.92 of 240 fresh runs comply, for which 100 decide whether 0.8 do. Chosen after that.
        seeds=100,
        instances_wide=20,
        quick={"steps": (200_000,)},
        quick_seeds=20,
    ),
    sweep(
        "shares",
        trials.problem,
        trials.two_looks_trial,
        stages.two_looks,
        shape={
            "n": (5,),
            "T": (5,),
            "d": (4, 6, 8, 10, 15, 20, 30),
            "first": (1_500,),
            "steps": (10_000,),
        },
        lane=STEP,
        seeds=100,
        instances_wide=50,
        quick={"d": (4, 15)},
        quick_seeds=50,
    ),
    sweep(
        "equal",
        trials.equal_scores,
        trials.ngd_trial,
        stages.equal_descent,
        check=check_equal,
        shape={**AUTHORS, "steps": (10_000,)},
        lane=STEP,
        seeds=200,
        instances_wide=50,
        quick_seeds=100,
    ),
    sweep(
        "landscape",
        trials.either_scores,
        trials.landscape_trial,
        stages.landscape,
        shape={**AUTHORS, "equal": (1, 0), "steps": (1_000,)},
        lane=STEP,
        seeds=50,
        instances_wide=25,
        quick_seeds=25,
    ),
    sweep(
        "trap",
        trials.equal_scores,
        trials.trap_trial,
        stages.trapped,
        check=check_trap,
        shape={**AUTHORS, "steps": (10_000,)},
        lane={"left": tuple(range(6)), "depth": (100.0,), **STEP},
        seeds=50,
        lanes_wide=6,
        quick_seeds=10,
    ),
    sweep(
        "polyak",
        trials.problem,
        trials.polyak_trial,
        stages.descent,
        shape={**SMALL, "queries": ("cross", "self"), "steps": (10_000,)},
        lane={"longest": (100.0,)},
        seeds=30,
        quick={"queries": ("cross",)},
    ),
    sweep(
        "permuted",
        trials.equal_scores,
        trials.ngd_trial,
        stages.permuted_descent,
        shape={"n": (10,), "T": (5,), "d": (10, 20, 40), "steps": (3_000,)},
        lane=STEP,
        seeds=200,
        instances_wide=30,
        quick={"d": (10, 20)},
        quick_seeds=30,
    ),
    sweep(
        "anywhere",
        trials.problem,
        trials.anywhere_trial,
        stages.descent,
        shape={**AUTHORS, "steps": (3_000,)},
        lane=STEP,
        seeds=20,
        instances_wide=20,
        quick_seeds=20,
    ),
    sweep(
        "autograd",
        trials.problem,
        trials.autograd_trial,
        stages.descent,
        shape={**AUTHORS, "steps": (30_000,)},
        lane=STEP,
        seeds=50,
        instances_wide=25,
        quick_seeds=25,
        quick={"steps": (10_000,)},
    ),
    sweep(
        "start",
        trials.problem,
        trials.start_trial,
        stages.started,
        shape={**AUTHORS, "steps": (10_000,)},
        lane={"choice": tuple(range(16)), "depth": (100.0,), **STEP},
        seeds=30,
        lanes_wide=16,
        quick={"choice": tuple(range(8))},
        quick_seeds=10,
    ),
    sweep(
        "path_w",
        trials.problem,
        trials.path_w_trial,
        stages.path,
        shape={**SMALL, "steps": (4_000,)},
        lane={"kappa": (16.0, 32.0, 64.0, 128.0, 256.0)},
        seeds=100,
        lanes_wide=5,
        quick={"kappa": (64.0, 128.0, 256.0)},
    ),
    sweep(
        "path_kq",
        trials.problem,
        trials.path_kq_trial,
        stages.path,
        shape={**SMALL, "m": (3, 6), "steps": (64_000,)},
        lane={"kappa": (16.0, 32.0, 64.0, 128.0, 256.0)},
        seeds=100,
        lanes_wide=5,
        quick={"kappa": (64.0, 128.0, 256.0), "m": (6,), "steps": (16_000,)},
    ),
    sweep(
        "kq",
        trials.problem,
        trials.kq_trial,
        stages.key_query,
        shape={**SMALL, "m": (6,), "steps": (10_000,)},
        lane=STEP,
        seeds=30,
    ),
    sweep(
        "kq_gd",
        trials.problem,
        trials.kq_gd_trial,
        stages.key_query,
        shape={**SMALL, "m": (6,), "steps": (100_000,)},
        lane={"eta": (1.0,)},
        seeds=30,
        quick_seeds=0,  # no claim is about it, and its compilation would be felt
    ),
    sweep(
        "svm",
        trials.problem,
        trials.svm_trial,
        stages.ranks,
        shape={"n": (3, 6, 10), "T": (8,), "d": (10, 20)},
        lane={"schatten": (1, 2)},
        seeds=20,
        lanes_wide=2,
        quick={"n": (6,), "d": (10,)},
    ),
    sweep(
        "feasible",
        trials.problem,
        trials.choice_trial,
        stages.feasibility,
        shape={
            "n": (4, 8),
            "T": (4, 9),
            "d": (2, 3, 4, 6, 8, 10),
            "tokens": ("gaussian",),
        },
        lane={"choice": tuple(range(8))},
        seeds=10,
        lanes_wide=8,
        quick={"d": (2, 8), "n": (8,), "T": (9,)},
    ),
    sweep(
        "nonlinear",
        trials.relu_head,
        trials.nonlinear_trial,
        stages.nonlinear,
        shape={"n": (3,), "T": (4,), "d": (4, 6, 8, 10), "steps": (100_000,)},
        lane={"sets": (1, 0), "eta": (1.0,)},
        seeds=60,
        instances_wide=20,
        lanes_wide=2,
        quick={"d": (8,)},
        quick_seeds=20,
    ),
    sweep(
        "plane",
        trials.problem,
        trials.ngd_trial,
        stages.trajectory,
        shape={"n": (2,), "T": (3,), "d": (2,), "steps": (20_000,)},
        lane=STEP,
        seeds=10,
    ),
)
