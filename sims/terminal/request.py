"""What was asked of a study: its sweeps with the typed values in place; and what cannot be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import chain, product
from typing import Any

from rich.filesize import decimal

from matsense.errors import InvalidInput
from sims.running import shapes
from sims.study import Axes, Study, Sweep
from sims.study.ranges import Broken, Values, against, outside
from sims.text.words import shown

# Values that a remedy is looked for among: so many, the nearest ones.
TRIED = 8


@dataclass(frozen=True)
class Typed:
    """The word before the equals sign, and the typed text of every value."""

    word: str
    texts: dict[Any, str]


@dataclass(frozen=True)
class Request:
    """The sweeps of a study as they are asked for, and what was typed by sweep and axis.

    `memory` bounds the bytes of an array.
    """

    study: Study
    sweeps: dict[str, Sweep]
    memory: float
    typed: dict[tuple[str, str], Typed] = field(default_factory=dict)

    def refuse(self, name: str) -> None:
        """Raises InvalidInput if typed values of a sweep break a rule, or make arrays too large."""
        sweep = self.sweeps[name]
        own = [axis for axis in sweep.axes if (name, axis) in self.typed]
        if not own:
            return
        broken = next(against(sweep.axes, sweep.rules, self.memory), None)
        broken = broken or self._too_large(name, own)
        if broken is None:
            return
        first_typed = sorted(broken.values, key=lambda axis: axis not in own)
        remedies = [text for axis in first_typed for text in self._mending(name, axis, broken)]
        words = [self.typed[name, axis].word for axis in broken.values if axis in own]
        raise InvalidInput(
            f"{self._said(name, broken.values)}, in sweep {name}",
            broken.says,
            f"give for example {' or '.join(remedies)}"
            if remedies
            else f"leave {' and '.join(words)} out, or change the others too",
        )

    def _said(self, name: str, values: Values) -> str:
        """Values as they were typed, and those of the study that stand beside them."""
        own = {axis: self.typed[name, axis] for axis in values if (name, axis) in self.typed}
        typed = [f"{t.word}={shown(t.texts[values[axis]])}" for axis, t in own.items()]
        beside = [f"{axis}={value}" for axis, value in values.items() if axis not in own]
        return " with ".join(", ".join(texts) for texts in (typed, beside) if texts)

    def _mending(self, name: str, axis: str, broken: Broken) -> Iterator[str]:
        """The setting of one axis that mends all sweeps, if there is one among the nearest."""
        own, old = self.study.sweep(name), broken.values[axis]
        candidates = [*own.axes[axis], *own.quick.get(axis, ())]
        if isinstance(old, int) and broken.are_compared:
            candidates += [x for x in broken.values.values() if isinstance(x, int)]
        word = self.typed[name, axis].word if (name, axis) in self.typed else axis
        names = [name] if "." in word else list(self.sweeps)
        for value in closest([x for x in candidates if x != old], old)[:TRIED]:
            if self.can_be_with(names, axis, value):
                yield f"{word}={value}"
                return

    def can_be_with(self, names: Sequence[str], axis: str, value: Any) -> bool:
        """Whether nothing is wrong any more with that value on an axis of the named sweeps."""
        changed = {name: self.sweeps[name].with_axes({axis: (value,)}) for name in names}
        return replace(self, sweeps={**self.sweeps, **changed}).can_be()

    def can_be(self) -> bool:
        """Whether all values lie in their ranges, and no rule is broken."""
        for sweep in self.sweeps.values():
            own = self.study.sweep(sweep.name)
            ranges = {axis: own.range_of(axis) for axis in sweep.axes}
            rules = against(sweep.axes, sweep.rules, self.memory)
            if next(chain(outside(sweep.axes, ranges), rules), None):
                return False
        return True

    def _too_large(self, name: str, axes: Sequence[str]) -> Broken | None:
        """Typed sizes beyond those that the study lists, if arrays of them cannot be made here.

        The largest sizes of a grid are in it together, since it is a product of its axes.
        """
        sweep, own = self.sweeps[name], self.study.sweep(name)
        beyond = {
            axis: max(sweep.axes[axis])
            for axis in axes
            if isinstance(own.axes[axis][0], int)
            and max(sweep.axes[axis]) > max((*own.axes[axis], *own.quick.get(axis, ())))
        }
        if not beyond:
            return None
        for params in largest(sweep.axes):
            try:
                needed = shapes.largest_array(sweep, params)
            except Exception as error:
                why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                return Broken(beyond, f"no such arrays can be made ({why})")
            if needed > self.memory:
                has = f"and there are {decimal(round(self.memory))}"
                return Broken(beyond, f"an array would take {decimal(needed)}, {has}")
        return None


def largest(axes: Axes) -> Iterator[dict[str, Any]]:
    """The points of a grid with its largest numbers, for every combination of its texts."""
    sized = [x if isinstance(x[0], str) else (max(x),) for x in axes.values()]
    for values in product(*sized):
        yield dict(zip(axes, values, strict=True))


def closest(candidates: Sequence[Any], value: Any) -> list[Any]:
    """The candidates, each once, those near to a value first: in size, or in spelling."""
    listed = list(dict.fromkeys(candidates))
    if all(isinstance(x, str) for x in listed):
        return sorted(listed, key=lambda x: -SequenceMatcher(None, x, str(value)).ratio())
    return listed if isinstance(value, str) else sorted(listed, key=lambda x: abs(x - value))
