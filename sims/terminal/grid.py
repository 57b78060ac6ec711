"""The grid that a command line asks for: a study's sweeps with `--quick`, `--seeds` and `--set`.

Whatever can be wrong with it is found here, from the ranges and rules that the study declares,
before anything is compiled, run or written.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matsense.errors import InvalidInput, nearest
from sims.running.memory import machine_bytes
from sims.study import Study, Sweep
from sims.study.ranges import Words
from sims.terminal.request import TRIED, Request, Typed, closest
from sims.text.words import NotANumber, number, shown, split, whole_number

# Runs of one command: each takes about 1 kB, and 40 microseconds, before the first is computed.
MOST_RUNS = 10**6
MOST_VALUES = 10**5


@dataclass(frozen=True)
class Setting:
    """A setting: the word before the equals sign, the axis, the values, and whose axis it is."""

    word: str
    axis: str
    words: list[str]
    about: list[Sweep]


def grid(
    study: Study,
    quick: bool,
    seeds: int | None,
    settings: Sequence[str],
    memory: float | None = None,
    only: Sequence[str] = (),
) -> list[tuple[Sweep, int]]:
    """The sweeps to run, each with its number of seeds; those named by `only`, or all.

    Raises InvalidInput for a setting that cannot be: a value that is none, or outside the range of
    its axis, or against a rule between axes; more runs than a command can expand; arrays beyond
    `memory` bytes (those of this machine).
    """
    if seeds is not None and seeds < 1:
        raise InvalidInput(
            f"--seeds {seeds}", "at least one seed is needed", "give --seeds 1 or more"
        )
    _check_only(study, only)
    own = [sweep for sweep in study.sweeps if not only or sweep.name in only]
    sweeps = {s.name: s.with_axes(s.quick) if quick else s for s in own}
    request = Request(study, sweeps, machine_bytes() if memory is None else memory)
    for text in settings:
        setting = _setting(own, text)
        for sweep in setting.about:
            typed = Typed(setting.word, _values(setting, sweep, request))
            request.typed[sweep.name, setting.axis] = typed
            sweeps[sweep.name] = sweeps[sweep.name].with_axes({setting.axis: tuple(typed.texts)})
    chosen = [(s, seeds or (s.quick_seeds if quick else s.seeds)) for s in sweeps.values()]
    _check_count(chosen, seeds, settings)
    for sweep, wanted in chosen:
        if wanted:
            request.refuse(sweep.name)
    return chosen


def _check_only(study: Study, only: Sequence[str]) -> None:
    known = [sweep.name for sweep in study.sweeps]
    for name in only:
        if name not in known:
            raise InvalidInput(f"--only {shown(name)}", "no such sweep", nearest(name, known))


def _setting(sweeps: Sequence[Sweep], text: str) -> Setting:
    word, name, axis, words = split(text)
    known = [sweep.name for sweep in sweeps]
    if name and name not in known:
        raise InvalidInput(f"sweep {shown(name)!r}", "no such sweep", nearest(name, known))
    named = [sweep for sweep in sweeps if name in ("", sweep.name)]
    about = [sweep for sweep in named if axis in sweep.axes]
    if not about:
        axes = {a for sweep in named for a in sweep.axes}
        raise InvalidInput(f"axis {shown(axis)!r}", "no sweep has it", nearest(axis, axes))
    if len(words) > MOST_VALUES:
        rule = f"an axis takes {MOST_VALUES:,} values at most"
        raise InvalidInput(f"{word}: {len(words):,} values", rule, "give fewer")
    return Setting(word, axis, words, about)


def _values(setting: Setting, sweep: Sweep, request: Request) -> dict[Any, str]:
    """The listed values, in the type that the axis has and within its range, each once."""
    allowed = sweep.range_of(setting.axis)
    read = {int: whole_number, float: number}.get(type(sweep.axes[setting.axis][0]), str)
    values: dict[Any, str] = {}
    for word in setting.words:
        value: Any = word
        why = ""
        try:
            value = read(word)
        except NotANumber as error:
            why = f", and {error}"
        if why or not allowed.admits(value):
            raise InvalidInput(
                f"{setting.word}={shown(word)}",
                f"{allowed.sentence}{why}",
                f"give for example {_instead(setting, sweep, request, value)}",
            )
        values.setdefault(value, word)
    return values


def _instead(setting: Setting, sweep: Sweep, request: Request, value: int | float | str) -> str:
    """A setting in place of a value: one that mends all sweeps, or at least this one."""
    axis = setting.axis
    ranges = [own.range_of(axis) for own in setting.about]
    words = [word for allowed in ranges if isinstance(allowed, Words) for word in allowed.known]
    listed = closest(words or [x for own in setting.about for x in own.axes[axis]], value)
    common = [x for x in listed if all(allowed.admits(x) for allowed in ranges)]
    names = [own.name for own in setting.about]
    found = next((x for x in common[:TRIED] if request.can_be_with(names, axis, x)), None)
    if found is None and common and not request.can_be():
        found = common[0]  # something else is wrong as well
    if found is None:
        return f"{sweep.name}.{axis}={closest(sweep.axes[axis], value)[0]}"
    return f"{setting.word}={found}"


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
        " ".join(typed) or "the grid",
        f"that makes {total:,} runs, and a command takes {MOST_RUNS:,} at most",
        f"{few} (several commands with one --out share its store)",
    )
