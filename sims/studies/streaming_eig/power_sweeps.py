"""Sweeps of methods with bounded memory: block power, sketches, kept rows."""

from typing import Any

from matsense.errors import InvalidInput, nearest
from matsense.problems.streaming import check_stream
from matsense.solvers.block_power import check_blocks
from sims.studies.streaming_eig import power_trials as trials
from sims.study import Sweep

GAPS = (4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)
# R in units of d / l around Frequent Directions' threshold.
RATIOS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
KINDS = ("mixed", "heavy-tailed", "shared", "special")


def check(
    n: int = 0,
    d: int = 2,
    R: float = 2.0,
    h: int = 0,
    order: str = "random",
    share: float = 0.5,
    carriers: float = 1.0,
    method: str = "oracle",
    blocks: int = trials.BLOCKS,
    ratio: float | None = None,
    l: int = 8,  # noqa: E741 - the papers' letter
    belief: float = 1.0,
    chunk: int = 1,
    tail: int = 0,
    **counts: int,
) -> None:
    """Raises InvalidInput for a point of a grid that cannot be an instance and a pass over it."""
    if l < 1:
        raise InvalidInput(f"l = {l}", "a sketch has a row or more", "give l = 1 or more")
    check_stream(n, tail or d, R if ratio is None else ratio * d / l, h, order)
    check_blocks(n, blocks)
    if method not in trials.METHODS:
        rule = "there is no such method"
        raise InvalidInput(f"method = {method}", rule, nearest(method, trials.METHODS))
    if not 0 <= share <= 1:
        raise InvalidInput(f"share = {share}", "a share of the energy", "give 0 to 1")
    if not d / n <= carriers <= 1:
        rule = f"the share of the rows along v1, of d = {d} rows or more"
        raise InvalidInput(f"carriers = {carriers}", rule, f"give {d / n:g} to 1")
    if not belief > 0:
        raise InvalidInput(f"belief = {belief}", "it must be positive", "give belief > 0")
    if not 0 <= tail <= d:
        raise InvalidInput(f"tail = {tail}", f"at most d = {d} coordinates", f"give 0 to {d}")
    for name, count in {"chunk": chunk, **counts}.items():
        if count < 1:
            raise InvalidInput(f"{name} = {count}", "there is one or more", "give 1 or more")


def check_memory(
    h: int = 1,
    R: float = 2.0,
    d: int | None = None,
    q: int = 1,
    s: float = 1.0,
    kind: str = "mixed",
    n: int | None = None,
    sets: int = 1,
) -> None:
    """Raises InvalidInput for a memory instance, a kept share or a subset that cannot be."""
    if not R > 1:
        raise InvalidInput(f"R = {R}", "v1 is only defined by a gap R > 1", "give R > 1")
    if h < 1 or (d is not None and h > d - 1):
        most = "" if d is None else f" to {d - 1}"
        raise InvalidInput(f"h = {h}", "heavy rows have orthonormal tails", f"give 1{most}")
    if n is not None and d is not None:
        check_stream(n, d, R, 10)
    if not 0 < s <= 1:
        raise InvalidInput(f"s = {s}", "the share of the rows that is kept", "give 0 < s <= 1")
    if round(s * h) < 1:
        raise InvalidInput(f"s = {s}", f"it keeps none of h = {h} rows", f"give {1 / h:g} or more")
    if kind not in KINDS:
        raise InvalidInput(f"kind = {kind}", "there is no such kind", nearest(kind, KINDS))
    for name, count in {"q": q, "sets": sets}.items():
        if count < 1:
            raise InvalidInput(f"{name} = {count}", "there is one or more", "give 1 or more")


def sweep(name: str, problem: Any, trial: Any, **groups: Any) -> Sweep:
    """A sweep of passes over one matrix at a time."""
    own: dict[str, Any] = {"check": check, "in_turn": True, "instances_wide": 1, "lanes_wide": 1}
    return Sweep(name, problem, trial, **{**own, **groups})


def passes(name: str, **groups: Any) -> Sweep:
    """Passes of methods over n = 8000 rows in d = 100 coordinates."""
    shape = {"n": (8000,), "d": (100,), "chunk": (500,)}
    instance = {
        "R": GAPS,
        "h": (8,),
        "share": (0.5,),
        "order": ("random",),
        "carriers": (1.0,),
        "belief": (1.0,),
        "method": ("oracle",),
        **groups.pop("instance"),
    }
    return sweep(name, trials.rows_of, trials.pass_trial, shape=shape, instance=instance, **groups)


def directions(name: str, trial: Any = trials.pass_trial, **shape: Any) -> Sweep:
    """Frequent Directions around its threshold, R = ratio d / l."""
    return sweep(
        name,
        trials.rows_at,
        trial,
        shape={"n": (4000,), "d": (256,), "l": (4,), "tail": (0,), **shape},
        instance={"ratio": RATIOS, "method": ("directions",)},
        seeds=6,
        quick={"ratio": RATIOS[::2]},
        quick_seeds=2,
    )


sweeps = (
    passes(
        "power",
        instance={
            "h": (8, 64),
            "share": (0.0, 0.5, 1.0),
            "method": ("oracle", "guessed"),
        },
        seeds=4,
        quick={"h": (8,), "R": (4.0, 128.0, 4096.0)},
        quick_seeds=1,
    ),
    passes(
        "memory",
        instance={"R": (64.0,), "h": (4, 16, 64), "belief": (1.0, 1 / 256)},
        seeds=4,
        quick_seeds=3,
    ),
    passes(
        "half",
        # v1's energy is in the first half of the stream in the order "energy".
        instance={
            "R": (16.0, 64.0, 256.0, 1024.0),
            "share": (0.0,),
            "order": ("random", "energy"),
            "carriers": (0.5,),
            "method": ("oracle", "oja"),
        },
        seeds=6,
        quick={"R": (16.0, 128.0, 1024.0)},
        quick_seeds=1,
    ),
    passes(
        "baselines",
        instance={"method": ("oja", "harmonic", "minibatch", "noisy")},
        seeds=3,
        quick={"method": ("harmonic",), "R": (16.0, 1024.0)},
        quick_seeds=1,
    ),
    sweep(
        "blocks",
        trials.rows_of,
        trials.blocks_trial,
        shape={"n": (20_000,), "d": (200,), "trials": (64,)},
        instance={"R": (4.0, 16.0, 64.0, 256.0, 1024.0)},
        lane={"blocks": (8,), "grouped": (0.0, 1.0)},
        lanes_wide=2,
        seeds=6,
        quick={"n": (4000,), "d": (100,), "R": (4.0, 64.0, 1024.0)},
        quick_seeds=1,
    ),
    sweep(
        "more_blocks",
        trials.rows_of,
        trials.blocks_trial,
        shape={"n": (20_000,), "d": (200,), "trials": (64,)},
        instance={"R": (64.0,)},
        lane={"blocks": (4, 8, 16, 32), "grouped": (0.0, 1.0)},
        lanes_wide=2,
        seeds=4,
        quick={"n": (4000,), "d": (100,)},
    ),
    sweep(
        "few_blocks",
        trials.rows_of,
        trials.blocks_trial,
        shape={"n": (12_000,), "d": (64, 256), "trials": (32,)},
        instance={"R": (2.0, 4.0, 16.0)},
        lane={"blocks": (1, 2, 3, 4, 5, 6, 7, 8), "grouped": (0.0,)},
        lanes_wide=8,
        seeds=3,
        quick={"n": (4000,), "d": (64,)},
        quick_seeds=1,
    ),
    Sweep(
        "subsets",
        trials.subset_rows,
        trials.subsets_trial,
        shape={"kind": KINDS, "n": (400,), "d": (20,), "sets": (16,)},
        instance={"R": (2.0, 8.0, 64.0)},
        lane={"foreign": (0.0, 1.0)},
        check=check_memory,
        seeds=40,
        instances_wide=8,
        lanes_wide=2,
        in_turn=True,
        quick={"kind": ("mixed", "special")},
        quick_seeds=40,
    ),
    Sweep(
        "kept",
        trials.shared_rows,
        trials.kept_trial,
        shape={"h": (64,), "d": (65,)},
        instance={"R": (8.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)},
        lane={"s": (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)},
        check=check_memory,
        seeds=3,
        instances_wide=6,
        lanes_wide=5,
    ),
    Sweep(
        "forgotten",
        trials.special_rows,
        trials.forgetting_trial,
        shape={"h": (32,), "q": (64,)},
        instance={"R": (8.0, 32.0, 128.0, 512.0, 2048.0)},
        lane={"keeps": (0.0, 1.0)},
        check=check_memory,
        seeds=6,
        instances_wide=5,
        lanes_wide=2,
    ),
    directions("directions_l", l=(4, 8, 16)),
    directions("directions_d", d=(128, 256, 512)),
    sweep(
        "equal_memory",
        trials.rows_of,
        trials.pass_trial,
        shape={"n": (8000,), "d": (256,), "l": (4,)},
        instance={"R": (4.0, 8.0), "method": ("directions", "rates")},
        seeds=6,
        quick_seeds=2,
    ),
)
