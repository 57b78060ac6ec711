"""A number that follows from what is known of a run: its parameters, and what it recorded."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from matsense.judging.expressions import Expression
from matsense.judging.formulas import sentence
from matsense.judging.runs import Run


@cache
def _asked(
    function: Callable[..., Any],
) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, "Law"]]:
    """The names of a function's parameters, those that it cannot do without, and the laws among
    their defaults.
    """
    parameters = inspect.signature(function).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    laws = {p.name: p.default for p in parameters if isinstance(p.default, Law)}
    return tuple(p.name for p in parameters if p.name not in laws), tuple(needed), laws


def asked_by(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's parameters, but of those that are laws by default."""
    return _asked(function)[0]


def by_name(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that `function` asks for by parameter name."""
    return {name: values[name] for name in asked_by(function) if name in values}


@dataclass(frozen=True)
class Law:
    """A function of a run that asks for what it needs by name, and the formula that it is.

    `formula` is LaTeX without its dollars, or plain words; `function` is an `Expression` or is
    called with what its parameters name (`Run.known`). A parameter whose default is a law stands
    for the value of that law: `lambda steps, speed=SPEED: speed * steps >= 7`.
    """

    formula: str
    function: Callable[..., Any] | Expression

    def __call__(self, run: Run) -> Any:
        """Its value for a run; raises KeyError or TypeError for a name that the run lacks."""
        return self.at(run.known)

    def at(self, values: Mapping[str, Any]) -> Any:
        """Its value for named values; a number as a plain one, whatever library computed it."""
        if isinstance(self.function, Expression):
            return self.function(values)
        parts = {name: part.at(values) for name, part in self.parts.items()}
        found = self.function(**by_name(self.function, values), **parts)
        return float(found) if hasattr(found, "dtype") and np.ndim(found) == 0 else found

    @property
    def parts(self) -> Mapping[str, "Law"]:
        """The laws that it is made of."""
        return {} if isinstance(self.function, Expression) else _asked(self.function)[2]

    @property
    def name(self) -> str:
        """The formula as it stands in a sentence, mathematics between dollars."""
        return sentence(self.formula)

    @property
    def names(self) -> tuple[str, ...]:
        """What it cannot do without, and what its parts cannot."""
        if isinstance(self.function, Expression):
            return self.function.names
        own = (name for name in _asked(self.function)[1] if name not in ("run", "seed"))
        return tuple(
            dict.fromkeys([*own, *(n for part in self.parts.values() for n in part.names)])
        )

    @property
    def asks_for_run(self) -> bool:
        """Whether it reads the run itself, so that what it needs is not known beforehand."""
        if isinstance(self.function, Expression):
            return False
        parts = self.parts.values()
        return "run" in asked_by(self.function) or any(part.asks_for_run for part in parts)


def law(formula: str, function: Callable[..., Any] | str | None = None) -> Law:
    """A law by its formula, and by a function of what it needs or the text of an expression.

    Without a function the formula is the expression: `law("k - r")`.
    """
    if function is None or isinstance(function, str):
        return Law(formula, Expression(function or formula))
    return Law(formula, function)


def as_law(what: "Law | str | Callable[..., Any] | int | float") -> Law:
    """A law from whatever stands for one: an expression, a function (named by its name), a number.

    Raises ValueError for a text that is no expression.
    """
    if isinstance(what, Law):
        return what
    if isinstance(what, str):
        return law(what)
    if callable(what):
        name = getattr(what, "__name__", "law")
        return Law("law" if name == "<lambda>" else name.replace("_", " "), what)
    number = float(what)
    return Law(f"{number:g}", lambda: number)
