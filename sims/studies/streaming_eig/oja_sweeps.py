"""Sweeps of Oja's method and of Price and Xun's rule."""

import math
from typing import Any

from matsense.errors import InvalidInput
from matsense.problems.hard_streams import check_hard
from matsense.problems.streaming import check_stream
from sims.studies.streaming_eig import oja_trials as trials
from sims.study import Sweep

KINDS = ("random", "energy", "ascending", "descending", "blocks", "signed", "heavy-tailed")
GAPS = (16.0, 22.0, 26.0, 30.0, 34.0, 38.0, 42.0, 46.0, 50.0, 54.0, 58.0, 62.0, 70.0)
DIMENSIONS = tuple(2**e for e in range(6, 13))


def check(
    d: int,
    R: float,
    n: int = 0,
    m: int = 0,
    most: int = 0,
    kind: str = "random",
    order: str = "random",
    starts: int = 1,
    C: float = 1.0,
    speed: float = 1.0,
    credit: float = 1.0,
    grows: float = 1.0,
) -> None:
    """Raises InvalidInput for a point of a grid that cannot be an instance and a run."""
    for name, number in {"R": R, "C": C, "speed": speed, "credit": credit}.items():
        if not (number > 0 and math.isfinite(number)):
            rule = "it must be positive and finite"
            raise InvalidInput(f"{name} = {number}", rule, f"give {name} > 0")
    check_switch("grows", grows)
    if m or most:
        check_hard(d, R, m, most)
    else:
        check_stream(n, d, R, order=order)
        if kind not in ("signed", "heavy-tailed", "jumping"):
            check_stream(n, d, R, h=5, order=kind)
    if starts < 1:
        rule = "there is at least one start"
        raise InvalidInput(f"starts = {starts}", rule, "give starts = 1 or more")


def check_switch(name: str, value: float) -> None:
    """Raises InvalidInput for a value of a two-way axis that is neither 0 nor 1."""
    if value not in (0.0, 1.0):
        raise InvalidInput(f"{name} = {value}", "it is off or on", f"give {name}=0 or {name}=1")


def sweep(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of this study: the rates and starts of a run are lanes inside it."""
    own: dict[str, Any] = {"check": check, "in_turn": True, "instances_wide": 1, "lanes_wide": 1}
    return Sweep(name, problem, trial, **{**own, **groups})


sweeps = (
    sweep(
        "certificate",
        trials.stream_of,
        trials.certificate_trial,
        shape={"kind": (*KINDS, "jumping"), "n": (1000,), "d": (16,), "starts": (2,)},
        instance={"R": (2.0, 32.0, 512.0), "credit": (1.0,)},
        seeds=48,
        instances_wide=16,
        quick={"kind": ("signed", "heavy-tailed"), "R": (2.0, 512.0)},
        quick_seeds=16,
    ),
    sweep(
        "overclaimed",
        trials.stream_of,
        trials.certificate_trial,
        shape={"kind": ("signed",), "n": (1000,), "d": (16,), "starts": (2,)},
        instance={"R": (32.0,), "credit": (0.25,)},
        seeds=16,
        instances_wide=16,
        quick_seeds=16,
    ),
    sweep(
        "worst",
        trials.signed_rows,
        trials.worst_trial,
        shape={"n": (20_000,), "d": (20,), "order": ("signs", "random")},
        instance={"R": (16.0, 64.0), "speed": (5.0,)},
        seeds=10,
        quick={"n": (4_000,), "R": (16.0,)},
    ),
    sweep(
        "diagonal",
        trials.diagonal,
        trials.hard_trial,
        shape={"d": DIMENSIONS, "m": (64,), "most": (8,), "starts": (128,)},
        instance={"R": (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)},
        seeds=3,
        quick={"d": (256,)},
    ),
    sweep(
        "exponential",
        trials.diagonal,
        trials.exponential_trial,
        shape={"d": (256, 1024), "m": (64,), "most": (8,), "starts": (128,)},
        instance={"R": (2.0, 3.0)},
        seeds=3,
        quick={"d": (256,)},
    ),
    sweep(
        "mixed",
        trials.mixed,
        trials.hard_trial,
        shape={"d": DIMENSIONS[::2], "m": (64,), "most": (16,), "starts": (64,)},
        instance={"R": (3.0, 4.0, 5.0, 8.0, 12.0, 16.0)},
        seeds=3,
        quick={"d": (256,)},
    ),
    sweep(
        "gap",
        trials.mixed,
        trials.gap_trial,
        shape={"d": (128, 256, 1024, 4096), "m": (16,), "most": (100,), "starts": (64,)},
        instance={"R": GAPS, "C": (2.0,), "grows": (1.0,)},
        seeds=5,
        quick={"d": (128, 1024), "R": GAPS[1::2]},
    ),
    sweep(
        "gap_constant",
        trials.mixed,
        trials.gap_trial,
        shape={"d": (128, 1024), "m": (16,), "most": (100,), "starts": (64,)},
        instance={"R": GAPS, "C": (2.0,), "grows": (0.0,)},
        seeds=5,
        quick={"R": GAPS[1::2]},
    ),
    sweep(
        "light_gap",
        trials.light_rows,
        trials.light_gap_trial,
        shape={"d": (32, 128), "n": (32_000,), "starts": (8,)},
        instance={"R": (1.5, 2.0, 4.0, 16.0), "C": (10.0,)},
        seeds=3,
        quick={"d": (32,), "n": (8_000,), "R": (1.5, 16.0)},
    ),
)
