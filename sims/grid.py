"""The grid that a command line asks for: a study's sweeps with `--quick`, `--seeds` and `--set`.

Whatever can be wrong with it is found here, from the ranges and rules that the study declares,
before anything is compiled, run or written.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matsense.errors import InvalidInput, nearest
from sims.ranges import Words
from sims.request import Request, Typed, closest
from sims.study import Study, Sweep
from sims.units import machine_bytes
from sims.words import NotANumber, number, setting, shown, whole_number

# Runs of one command: each takes about 1 kB, and 40 microseconds, before the first is computed.
MOST_RUNS = 10**6
MOST_VALUES = 10**5


def grid(
    study: Study,
    quick: bool,
    seeds: int | None,
    settings: Sequence[str],
    memory: float | None = None,
) -> list[tuple[Sweep, int]]:
    """The sweeps to run, each with its number of seeds.

    Raises InvalidInput for a setting that cannot be: a value that is none, or outside the range of
    its axis, or against a rule between axes; more runs than a command can expand; arrays beyond
    `memory` bytes (those of this machine).
    """
    if seeds is not None and seeds < 1:
        raise InvalidInput(
            f"--seeds {seeds}", "at least one seed is needed", "give --seeds 1 or more"
        )
    sweeps = {s.name: s.with_axes(s.quick) if quick else s for s in study.sweeps}
    request = Request(study, sweeps, machine_bytes() if memory is None else memory)
    for text in settings:
        for name, axis, typed in _typed(study, text):
            sweeps[name] = sweeps[name].with_axes({axis: tuple(typed.texts)})
            request.typed[name, axis] = typed
    chosen = [(s, seeds or (s.quick_seeds if quick else s.seeds)) for s in sweeps.values()]
    _check_count(chosen, seeds, settings)
    for sweep, wanted in chosen:
        if wanted:
            request.refuse(sweep.name)
    return chosen


def _typed(study: Study, text: str) -> Iterator[tuple[str, str, Typed]]:
    """(sweep, axis, what was typed) for all sweeps that a setting is about."""
    word, name, axis, words = setting(text)
    known = [sweep.name for sweep in study.sweeps]
    if name and name not in known:
        raise InvalidInput(f"sweep {shown(name)!r}", "no such sweep", nearest(name, known))
    about = [sweep for sweep in study.sweeps if name in ("", sweep.name)]
    if not any(axis in sweep.axes for sweep in about):
        axes = {a for sweep in about for a in sweep.axes}
        raise InvalidInput(f"axis {shown(axis)!r}", "no sweep has it", nearest(axis, axes))
    for sweep in about:
        if axis in sweep.axes:
            yield sweep.name, axis, Typed(word, _values(sweep, axis, word, words))


def _values(sweep: Sweep, axis: str, typed: str, words: Sequence[str]) -> dict[Any, str]:
    """The listed values, in the type that the axis has and within its range, each once."""
    if len(words) > MOST_VALUES:
        rule = f"an axis takes {MOST_VALUES:,} values at most"
        raise InvalidInput(f"{typed}: {len(words):,} values", rule, "give fewer")
    old, allowed = sweep.axes[axis], sweep.range_of(axis)
    read = {int: whole_number, float: number}.get(type(old[0]), str)
    values: dict[Any, str] = {}
    for word in words:
        value: Any = None
        why = ""
        try:
            value = read(word)
        except NotANumber as error:
            why = f", and {error}"
        if why or not allowed.admits(value):
            remedy = f"give for example {typed}={closest(old, value)[0]}"
            if isinstance(allowed, Words):
                remedy = nearest(word, allowed.known)
            raise InvalidInput(f"{typed}={shown(word)}", f"{allowed.sentence}{why}", remedy)
        values.setdefault(value, word)
    return values


def _check_count(
    chosen: Sequence[tuple[Sweep, int]], seeds: int | None, settings: Sequence[str]
) -> None:
    """Raises InvalidInput for more runs than a command can expand."""
    points = {s.name: math.prod(map(len, s.axes.values())) for s, _ in chosen}
    total = sum(points[sweep.name] * wanted for sweep, wanted in chosen)
    if total <= MOST_RUNS:
        return
    each = sum(points[sweep.name] for sweep, wanted in chosen if wanted)
    typed = [f"--set {shown(text)}" for text in settings]
    typed += [f"--seeds {shown(str(seeds))}"] if seeds else []
    few = f"give --seeds {MOST_RUNS // each} or less" if each <= MOST_RUNS else "give fewer values"
    raise InvalidInput(
        " ".join(typed),
        f"that makes {total:,} runs, and a command takes {MOST_RUNS:,} at most",
        f"{few} (several commands with one --out share its store)",
    )
