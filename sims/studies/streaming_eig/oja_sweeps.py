"""Sweeps of Oja's method and of Price and Xun's rule."""

from typing import Any, get_args

from matsense.problems.streaming import Order
from sims.studies.streaming_eig import oja_trials as trials
from sims.study import Sweep
from sims.study.ranges import Fits, Rule, one_of, positive, real, switch, whole

KINDS = ("random", "energy", "ascending", "descending", "blocks", "signed", "heavy-tailed")
GAPS = (16.0, 22.0, 26.0, 30.0, 34.0, 38.0, 42.0, 46.0, 50.0, 54.0, 58.0, 62.0, 70.0)
DIMENSIONS = tuple(2**e for e in range(6, 13))


# Beyond this gap lambda_2 is lost in the rounding of A^T A, whose largest eigenvalue is lambda_1.
LARGEST_GAP = 1e12
GAP = real(
    "the gap lambda_1 / lambda_2",
    1,
    LARGEST_GAP,
    open_least=True,
    why="v1 is defined by a gap, and lambda_2 must not be lost in rounding",
)
ORDERS = get_args(Order)
# Kinds of rows that are no order of light and heavy ones.
OTHERS = ("signed", "heavy-tailed", "jumping")
RANGES = {
    "n": whole("the number of rows"),
    "d": whole("the number of coordinates", 2),
    "R": GAP,
    "kind": one_of("a kind of rows", (*ORDERS, *OTHERS)),
    "order": one_of("an order of the rows", ORDERS),
    "starts": whole("the number of starts"),
    "credit": positive("the share of the rate that the certificate is told"),
    "speed": positive("the rate in units of 1 / lambda_1"),
    "C": positive("the growth that is asked for, in units of ln d"),
    "grows": switch("growth that is asked for with d"),
}
ROWS = Fits("the rows", lambda n, d: n * d)
RULES = (
    Rule("a spectrum of d values needs as many rows, n >= d", lambda n, d: n >= d),
    ROWS,
)
KIND_RULES = (
    *RULES,
    Rule(
        "signed rows have a tail beside two coordinates, d >= 3",
        lambda kind, d: kind != "signed" or d > 2,
    ),
    Rule(
        "both halves of jumping rows have a spectrum, n >= 2 d",
        lambda kind, n, d: kind != "jumping" or n // 2 >= d,
    ),
    Rule(
        "five heavy rows with orthonormal tails stand beside d light ones, d >= 6 and n >= d + 5",
        lambda kind, n, d: kind in OTHERS or (d > 5 and n >= d + 5),
    ),
)
TEN_LOOKS = {**RANGES, "n": whole("the number of rows", 10, why="they are looked at ten times")}
SIGNED = {**RANGES, "d": whole("the number of coordinates", 3, why="a tail beside two of them")}
# Sparse rows on which Oja is hard pressed (`matsense.problems.sparse_streams`).
HARD_RANGES = {
    **RANGES,
    "R": whole(
        "the gap", 2, int(LARGEST_GAP), "it counts rows, and v1 is defined by a gap above 1"
    ),
    "m": whole("the number of rows of every other coordinate"),
    "most": whole("the room for rows along v1", 2),
}
HARD_RULES = (
    Rule("there is room for R rows, most >= R", lambda R, most: most >= R),
    Rule("beside the room for rows there is a tail, d >= most + 2", lambda d, most: d >= most + 2),
    Fits("the sparse rows", lambda m, d: 4 * m * d),
)


def sweep(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of this study: the rates and starts of a run are lanes inside it."""
    own: dict[str, Any] = {"in_turn": True, "instances_wide": 1, "lanes_wide": 1}
    return Sweep(name, problem, trial, **{"ranges": RANGES, "rules": RULES, **own, **groups})


def certified(name: str, **groups: Any) -> Sweep:
    """A sweep of rows of several kinds, held against the certificate."""
    return sweep(
        name,
        trials.stream_of,
        trials.certificate_trial,
        ranges=TEN_LOOKS,
        rules=KIND_RULES,
        **groups,
    )


def hard(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of sparse rows, with a range and rules of their own."""
    return sweep(name, problem, trial, ranges=HARD_RANGES, rules=HARD_RULES, **groups)


sweeps = (
    certified(
        "certificate",
        shape={"kind": (*KINDS, "jumping"), "n": (1000,), "d": (16,), "starts": (2,)},
        instance={"R": (2.0, 32.0, 512.0), "credit": (1.0,)},
        seeds=48,
        instances_wide=16,
        quick={"kind": ("signed", "heavy-tailed"), "R": (2.0, 512.0)},
        quick_seeds=16,
    ),
    certified(
        "overclaimed",
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
        ranges=SIGNED,
        shape={"n": (20_000,), "d": (20,), "order": ("signs", "random")},
        instance={"R": (16.0, 64.0), "speed": (5.0,)},
        seeds=10,
        quick={"n": (4_000,), "R": (16.0,)},
    ),
    hard(
        "diagonal",
        trials.diagonal,
        trials.hard_trial,
        shape={"d": DIMENSIONS, "m": (64,), "most": (8,), "starts": (128,)},
        instance={"R": (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)},
        seeds=3,
        quick={"d": (256,)},
    ),
    hard(
        "exponential",
        trials.diagonal,
        trials.exponential_trial,
        shape={"d": (256, 1024), "m": (64,), "most": (8,), "starts": (128,)},
        instance={"R": (2.0, 3.0)},
        seeds=3,
        quick={"d": (256,)},
    ),
    hard(
        "mixed",
        trials.mixed,
        trials.hard_trial,
        shape={"d": DIMENSIONS[::2], "m": (64,), "most": (16,), "starts": (64,)},
        instance={"R": (3.0, 4.0, 5.0, 8.0, 12.0, 16.0)},
        seeds=3,
        quick={"d": (256,)},
    ),
    hard(
        "gap",
        trials.mixed,
        trials.gap_trial,
        shape={"d": (128, 256, 1024, 4096), "m": (16,), "most": (100,), "starts": (64,)},
        instance={"R": GAPS, "C": (2.0,), "grows": (1.0,)},
        seeds=5,
        quick={"d": (128, 1024), "R": GAPS[1::2]},
    ),
    hard(
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
