"""Arithmetic and comparisons of named numbers, parsed from the text that is also printed."""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs, "min": min, "max": max, "len": len, "exp": math.exp, "ln": math.log,
    "log10": math.log10, "sqrt": math.sqrt, "floor": math.floor, "ceil": math.ceil,
}  # fmt: skip
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "inf": math.inf}
# Names, numbers, texts, arithmetic, comparisons: no attribute, no index, no call but of FUNCTIONS.
ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add,
    ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.Compare, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Tuple, ast.Name, ast.Load,
    ast.Constant, ast.Call,
)  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """A text such as "k > r and alpha <= 0.5 / kappa", read as a function of what it names.

    Comparisons may be chained and joined by and, or, not; `x in ("a", "b")` asks for words. Known
    functions: abs, min, max, len, exp, ln, log10, sqrt, floor, ceil; constants: pi, inf. Raises
    ValueError, when it is made, for a text that is anything else.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            why = getattr(error, "msg", None) or str(error)
            raise ValueError(f"{self.text!r} is no expression ({why})") from None
        for node in ast.walk(tree):
            if not isinstance(node, ALLOWED):
                what = type(node).__name__
                raise ValueError(
                    f"{self.text!r}: {what} is not among names, numbers, arithmetic, comparisons"
                )
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else "that"
                if name not in FUNCTIONS or node.keywords:
                    known = ", ".join(FUNCTIONS)
                    raise ValueError(f"{self.text!r}: no function {name}; known: {known}")

    @cached_property
    def _tree(self) -> ast.Expression:
        return ast.parse(self.text.strip(), mode="eval")

    @cached_property
    def _code(self) -> CodeType:
        return compile(self._tree, self.text, "eval")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What must be known to evaluate it, in the order of the text."""
        found = [node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)]
        return tuple(n for n in dict.fromkeys(found) if n not in FUNCTIONS and n not in CONSTANTS)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Its value; raises KeyError for a name that is not among the values."""
        own = {name: values[name] for name in self.names}
        return eval(self._code, {"__builtins__": {}, **FUNCTIONS, **CONSTANTS}, own)
