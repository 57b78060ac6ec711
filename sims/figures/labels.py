"""Names of axes and numbers as they stand in a figure: mathematics between dollars."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
    "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma",
    "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
)  # fmt: skip
# More values than these are told by their ends.
FEW = 4


def symbol(axis: str) -> str:
    """The name of an axis: Greek letters, single letters and their indices as mathematics."""
    name, _, index = axis.partition("_")
    if not index and (found := re.fullmatch(r"([A-Za-z]+?)(\d+)", axis)):
        name, index = found.groups()
    letter = f"\\{name}" if name in GREEK else name if len(name) == 1 else ""
    if not letter or len(index) > 3:
        return axis.replace("_", " ")
    return f"${letter}_{{{index}}}$" if index else f"${letter}$"


def formula(text: str) -> str:
    """A law's formula for a label: what has an operator, a power or a command is mathematics."""
    if "$" in text:
        return text
    if any(sign in text for sign in "\\^=<>+*/()") or re.fullmatch(r"\w+", text):
        return symbol(text) if re.fullmatch(r"\w+", text) else f"${text}$"
    return text


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
    """`axis = value`; a text alone says what it is."""
    return number(value) if isinstance(value, str) else f"{symbol(axis)} = {number(value)}"


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
