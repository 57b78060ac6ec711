"""The grid that a command line asks for: a study's sweeps with `--quick`, `--seeds` and `--set`."""

from collections.abc import Sequence
from typing import Any

from matsense.errors import InvalidInput, nearest
from sims.study import Study, Sweep


def grid(
    study: Study, quick: bool, seeds: int | None, settings: Sequence[str]
) -> list[tuple[Sweep, int]]:
    """The sweeps to run, each with its number of seeds. Raises InvalidInput for a bad setting."""
    if seeds is not None and seeds < 1:
        raise InvalidInput(
            f"--seeds {seeds}", "at least one seed is needed", "give --seeds 1 or more"
        )
    sweeps = list(study.sweeps)
    if quick:
        sweeps = [s.with_axes(s.quick) for s in sweeps]
    for setting in settings:
        sweeps = _apply(sweeps, setting)
    return [(s, seeds or (s.quick_seeds if quick else s.seeds)) for s in sweeps]


def _apply(sweeps: list[Sweep], setting: str) -> list[Sweep]:
    name, equals, text = setting.partition("=")
    if not equals or not name or not text:
        raise InvalidInput(
            f"--set {setting}", "a setting is axis=v1,v2", "write for example --set alpha=0.1,0.5"
        )
    sweep_name, dot, axis = name.rpartition(".")
    known = [s.name for s in sweeps]
    if dot and sweep_name not in known:
        raise InvalidInput(f"sweep {sweep_name!r}", "no such sweep", nearest(sweep_name, known))
    touched = [s for s in sweeps if s.name == sweep_name] if dot else sweeps
    if not any(axis in s.axes for s in touched):
        axes = {a for s in touched for a in s.axes}
        raise InvalidInput(f"axis {axis!r}", "no sweep has it", nearest(axis, axes))
    return [
        s.with_axes({axis: _values(axis, text, s.axes[axis])})
        if axis in s.axes and (not dot or s.name == sweep_name)
        else s
        for s in sweeps
    ]


def _values(axis: str, text: str, old: tuple[Any, ...]) -> tuple[Any, ...]:
    """The listed values, in the type that the axis has, each once."""
    kind = type(old[0])
    values = []
    for word in text.split(","):
        try:
            values.append(kind(word))
        except ValueError:
            names = {int: "whole numbers", float: "numbers"}.get(kind, kind.__name__)
            raise InvalidInput(
                f"{axis}={word}", f"values of {axis} are {names}", f"for example {axis}={old[0]}"
            ) from None
    return tuple(dict.fromkeys(values))
