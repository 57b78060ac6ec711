"""Speed comparisons: one module of this folder a case, each ending in `case = Case(...)`.

`python -m sims.bench NAME` runs the contenders of a case in processes of their own, in turn, and
prints ratios of times of the same repetition (`sims.benches.table`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matsense.errors import InvalidInput, nearest

Size = Mapping[str, int]


@dataclass(frozen=True)
class Contender:
    """One way of doing the work of a case.

    `build(**size)` returns `run(steps) -> number`: it does so many steps, waits for the end, and
    returns a number by which contenders are compared before any time counts (relative difference at
    most `agree`; NaN: not compared). `units(**size)` is the work of a step in the unit of the case.
    A crowd runs one single-threaded process a core at once, anything else one process with all
    threads. `needs` names packages of the extra `[bench]`, without which it is left out. `limit`
    names the contender that bounds this one, for the share of the limit that it reaches.
    """

    name: str
    build: Callable[..., Callable[[int], float]]
    units: Callable[..., float]
    crowd: bool = False
    on_gpu: bool = False
    needs: Sequence[str] = ()
    limit: str | None = None
    agree: float = 1e-9


@dataclass(frozen=True)
class Case:
    """Contenders at several sizes; the first one is the baseline of the ratios.

    `growth` maps an axis to sizes along which the time of a step of `grows` is fitted by a power.
    `note(**size)` is a remark on a size, such as the form of an operator that was chosen.
    """

    title: str
    unit: str
    sizes: Sequence[Size]
    contenders: Sequence[Contender]
    grows: str = ""
    growth: Mapping[str, Sequence[Size]] = field(default_factory=dict)
    note: Callable[..., str] = lambda **_: ""


def available() -> list[str]:
    """The names of the cases: the modules of this folder that hold one."""
    names = [m.name for m in pkgutil.iter_modules(__path__)]
    return sorted(name for name in names if name not in ("serve", "table", "studies"))


def load(name: str) -> Case:
    """The case of one module of this folder; InvalidInput if there is none of that name."""
    if name not in available():
        raise InvalidInput(f"bench {name!r}", "there is no such case", nearest(name, available()))
    case: Any = importlib.import_module(f"sims.benches.{name}").case
    assert isinstance(case, Case)
    return case
