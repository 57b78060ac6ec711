"""Names of axes and numbers as they stand in a figure: mathematics between dollars."""

from collections.abc import Iterable, Mapping
from typing import Any

from matsense.judging.formulas import symbol

# More values than these are told by their ends.
FEW = 4


def number(value: Any) -> str:
    """A number in at most four digits, far ones as powers of ten; a text as it is."""
    if isinstance(value, str):
        return value.replace("$", r"\$")
    text = f"{value:.4g}"
    if "e" not in text:
        return text
    digits, power = text.split("e")
    head = "" if digits == "1" else "-" if digits == "-1" else rf"{digits}\times "
    return f"${head}10^{{{int(power)}}}$"


def setting(axis: str, value: Any) -> str:
    """`axis = value`, which no line breaks; a text alone says what it is."""
    return (
        number(value)
        if isinstance(value, str)
        else f"{symbol(axis)}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{number(value)}"
    )


def constants(params: Iterable[Mapping[str, Any]], but: Iterable[str]) -> str:
    """What is the same in all of these points, and what else varies, apart from some axes."""
    params = list(params)
    same, several = [], []
    for axis in dict.fromkeys(name for own in params for name in own):
        if axis in but:
            continue
        values = sorted({own[axis] for own in params if axis in own}, key=_order)
        if len(values) == 1:
            same.append(setting(axis, values[0]))
        elif len(values) <= FEW:
            several.append(f"{symbol(axis)} in {{{', '.join(map(number, values))}}}")
        else:
            several.append(f"{symbol(axis)} from {number(values[0])} to {number(values[-1])}")
    return ", ".join(same + several)


def _order(value: Any) -> tuple[bool, Any]:
    """Numbers ascending, then texts."""
    return isinstance(value, str), value
