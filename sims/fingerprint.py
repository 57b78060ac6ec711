"""A hash of the code that a function's numbers depend on, blind to comments, docstrings and types.

Starting at the function's own syntax tree, every name that it reads is looked up: functions and
classes of matsense and sims are followed, constants enter by value, other packages by name and
version. What cannot be followed for certain enters as the whole source of its module, so that a
doubt reruns instead of trusting a stale number.
"""

import ast
import functools
import hashlib
import importlib.metadata
import inspect
import sys
import textwrap
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

OWN = ("matsense", "sims")
PLAIN = (bool, int, float, complex, str, bytes, type(None))


def of(*roots: Callable[..., Any]) -> str:
    """Hash of everything that the roots reach. Reads source files, runs nothing."""
    walk = _Walk()
    for root in roots:
        walk.visit(root)
    parts = "\n".join(sorted(walk.parts))
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


class _Walk:
    def __init__(self) -> None:
        self.parts: set[str] = set()
        self.seen: set[int] = set()

    def visit(self, value: Any) -> None:
        """Adds what `value` stands for to the parts, and follows it if it is our own code."""
        if isinstance(value, PLAIN):
            self.parts.add(f"value {value!r}")
            return
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, (tuple, list, set, frozenset)):
            for item in value:
                self.visit(item)
        elif isinstance(value, dict):
            for item in (*value.keys(), *value.values()):
                self.visit(item)
        elif isinstance(value, np.ndarray):
            self.parts.add(f"array {value.dtype} {value.shape} {value.tobytes().hex()}")
        elif isinstance(value, functools.partial):
            for item in (value.func, value.args, value.keywords):
                self.visit(item)
        elif isinstance(value, MethodType):
            self.visit(value.__self__)
            self.visit(value.__func__)
        elif isinstance(value, ModuleType):
            self.module(value)
        elif isinstance(value, (FunctionType, type)):
            self.code(value)
        elif isinstance(value, BuiltinFunctionType):
            self.package(_top(value))
        else:
            self.visit(type(value))
            if _top(type(value)) in OWN and hasattr(value, "__dict__"):
                self.visit(vars(value))

    def module(self, module: ModuleType) -> None:
        """A module used as such: its whole code if it is ours, else its package's version."""
        if module.__name__.split(".")[0] in OWN:
            self.parts.add(_normalised(inspect.getsource(module)))
        else:
            self.package(module.__name__.split(".")[0])

    def package(self, top: str) -> None:
        """Another package: its version stands for its code."""
        if top not in sys.stdlib_module_names and top != "builtins":
            self.parts.add(f"package {top} {_version(top)}")

    def code(self, value: FunctionType | type) -> None:
        if _top(value) not in OWN:
            self.package(_top(value))
            return
        module = sys.modules[value.__module__]
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
        except (OSError, TypeError, SyntaxError):
            # A lambda inside an expression, a generated class: take the module that holds it.
            self.module(module)
            return
        self.parts.add(f"{value.__module__}.{value.__qualname__}\n{_dump(tree)}")
        scope = dict(vars(module))
        if isinstance(value, FunctionType):
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            scope |= {name: cell.cell_contents for name, cell in cells}
            self.visit(value.__defaults__)
            self.visit(value.__kwdefaults__)
        else:
            for base in value.__bases__:
                self.visit(base)
        for found in _reads(tree, scope):
            self.visit(found)


def _top(value: Any) -> str:
    """The package that defines a function or class."""
    return (getattr(value, "__module__", None) or "builtins").split(".")[0]


def _reads(tree: ast.AST, scope: dict[str, Any]) -> list[Any]:
    """The objects behind the names that a tree reads; `module.attribute` is followed to its end."""
    nodes = list(ast.walk(tree))
    owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    found = []
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute)):
            value = _resolve(node, scope)
            # The owner of an attribute that resolves is a step of the way, not its end.
            if value is not None and not (isinstance(value, ModuleType) and id(node) in owners):
                found.append(value)
    return found


def _resolve(node: ast.expr, scope: dict[str, Any]) -> Any:
    """The object of a dotted name that starts at a module; None for any other attribute."""
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, scope)
        if isinstance(owner, ModuleType):
            return getattr(owner, node.attr, None)
    return None


class _Strip(ast.NodeTransformer):
    """Removes docstrings and annotations: they carry no arithmetic."""

    def _body(self, node: Any) -> Any:
        self.generic_visit(node)
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        return node

    visit_Module = visit_ClassDef = _body

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self._body(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node


def _dump(tree: ast.AST) -> str:
    return ast.dump(_Strip().visit(tree))


@functools.cache
def _normalised(source: str) -> str:
    return _dump(ast.parse(source))


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
