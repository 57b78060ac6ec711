"""Which runs a panel shows: a section through a sweep's grid."""

from collections.abc import Sequence
from typing import Any

from matsense.judging.claims import Run


def section(runs: Sequence[Run], sweep: str, *shown: str, **wished: Any) -> list[Run]:
    """Finished runs of a sweep that differ in nothing but the `shown` axes and the seed.

    Every other axis stands at its wished value, or at its largest where it lacks that one.
    """
    chosen = [run for run in runs if run.sweep == sweep and run.status == "ok"]
    for axis in dict(chosen[0].params) if chosen else ():
        if axis not in shown:
            options = values(chosen, axis)
            value = wished[axis] if wished.get(axis) in options else options[-1]
            chosen = [run for run in chosen if run.params[axis] == value]
    return chosen


def values(runs: Sequence[Run], axis: str) -> list[Any]:
    """The values that an axis takes, ascending."""
    return sorted({run.params[axis] for run in runs})
