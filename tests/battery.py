"""Settings to type, found axis by axis from what the studies declare: of a kind that cannot be."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from sims.study import Study, Sweep
from sims.study.catalogue import available, load
from sims.study.ranges import Range, Words

# Texts that write no number, or one that a double cannot hold.
NO_NUMBERS = (
    "nan", "-nan", "inf", "-inf", "Infinity", "1e400", "-1e400", "1e-400", "-1e-320", "9" * 400,
    "9007199254740993", "-9007199254740993", "0x10", "0b1", "1_000", "1__0", "True", "None",
    "1.2.3", "--1", "+-1", "1e", "e3", "1,,2", ",1", "1,", "1;2", "1 2", "1/2", "2**3", "1+1", "1j",
    "1\t2", "1d3",
    "\u0663", "\u00bd", "\uff11", "1\u2009000", "\u22121", ".", "-", "%", "'1'", "[1]",
)  # fmt: skip
# Texts that write a number which is not whole, or not as whole numbers are written.
NOT_WHOLE = ("1.5", "2.0", "1e3", "1E1", "3.", "-0.5", "1e-3")
NO_WORDS = ("nonsense", "0", "1", "None", "*", "nan", "a b", "\u0430")


@dataclass(frozen=True)
class Case:
    """Settings of one study that cannot be, and the words that a refusal must name."""

    study: str
    settings: tuple[str, ...]
    named: tuple[str, ...]


def cannot_be() -> Iterator[Case]:
    """The whole battery."""
    for name in available():
        study = load(name)
        met = set()
        for sweep in study.sweeps:
            for axis in sweep.axes:
                allowed = sweep.range_of(axis)
                if (axis, allowed) in met:
                    continue
                met.add((axis, allowed))
                kind = type(sweep.axes[axis][0])
                # A third of the texts for each axis, in turn: how they are read is one code.
                texts = [*NO_NUMBERS[len(met) % 3 :: 3], *_outside(allowed, kind)]
                for text in dict.fromkeys(texts):
                    for word in (axis, f"{sweep.name}.{axis}"):
                        yield Case(name, (f"{word}={text}",), (word,))
            yield from _against(name, study, sweep)


def _outside(allowed: Range | Words, kind: type) -> Iterator[str]:
    yield from ("", " ")
    if isinstance(allowed, Words):
        yield from NO_WORDS
        yield from (f"{word}x" for word in allowed.known)
        yield from (word.upper() for word in allowed.known)
        return
    if kind is int:
        yield from NOT_WHOLE
        yield from (str(int(allowed.least) - 1), str(int(allowed.most) + 1))
        yield from (str(int(allowed.least) - 10**6), str(-(2**62)), str(2**64))
        return
    ends = [math.nextafter(allowed.least, -math.inf), math.nextafter(allowed.most, math.inf)]
    ends += [allowed.least] * allowed.open_least + [allowed.most] * allowed.open_most
    ends += [allowed.least - 1, 2 * allowed.most, -1e300, 1e300]
    ends += [0.0, -0.0, 1e-300] if allowed.least > 0 else []
    ends += [allowed.least + 0.5] if allowed.is_whole else []
    yield from (repr(end) for end in ends if not allowed.admits(end))


def _against(name: str, study: Study, sweep: Sweep) -> Iterator[Case]:
    """For every rule of a sweep and each of its axes, the values tried that break it."""
    for rule in sweep.rules:
        if not set(rule.axes) <= set(sweep.axes):
            continue
        for axis in rule.axes:
            for value in _tried(sweep, axis):
                beside = [sweep.axes[other] if other != axis else (value,) for other in rule.axes]
                for combination in itertools.product(*beside):
                    values = dict(zip(rule.axes, combination, strict=True))
                    if rule.broken(values, 1e12):
                        yield Case(name, (f"{sweep.name}.{axis}={value}",), (f"{axis}={value}",))
                        break


def _tried(sweep: Sweep, axis: str) -> Iterator[int | float | str]:
    """Values within the range of an axis: its ends, powers of ten, and all words."""
    allowed = sweep.range_of(axis)
    if isinstance(allowed, Words):
        yield from allowed.known
        return
    kind = type(sweep.axes[axis][0])
    ends = [allowed.least, allowed.most, allowed.least + 1, 0.5, 1e-12, 1e-3, 0.999]
    for value in (*ends, *(10.0**e for e in range(10))):
        if allowed.admits(value) and (kind is float or value == int(value)):
            yield kind(value)
