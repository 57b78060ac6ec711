"""Source files as syntax trees: what they say but for comments, and what is where."""

import ast
import builtins
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from sims.identity.values import hashed

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
# What looks names up by their text: where it stands, no name may be taken for another.
LOOK_UP = {"globals", "locals", "vars", "eval", "exec", "dir", "__import__"}


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a source file as it is now, without docstrings."""
    return _tree(path.read_bytes())


@functools.lru_cache(maxsize=1024)
def _tree(content: bytes) -> ast.Module:
    tree = ast.parse(content)
    waiting: list[Any] = [tree]
    while waiting:  # statements alone: no expression holds a docstring
        node = waiting.pop()
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, part, None)
            if isinstance(inner, list):
                waiting += inner
        if isinstance(node, _DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr):
            first = node.body[0].value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                del node.body[0]
    return tree


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@functools.lru_cache(maxsize=1024)
def whole(tree: ast.Module, package: str) -> tuple[str, tuple[tuple[str, str | None, str], ...]]:
    """What a file says, and what it imports at its top or inside functions; in one pass."""
    out: list[str] = []
    noted: list[ast.AST] = []
    _write(tree, out, {}, noted)
    return hashed("".join(out)), tuple(told for node in noted for told in _imports(node, package))


def file_of(module: ModuleType) -> Path | None:
    """The source file of a module; None for one that has none."""
    told = getattr(module, "__file__", None)
    path = Path(told) if told else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def said(node: Any, called: Mapping[str, str] | None = None) -> str:
    """Hash of what a tree says, the same for every version of Python's parser.

    Names are replaced by what `called` calls them, and what it calls "" is left out.
    """
    out: list[str] = []
    _write(node, out, called or {}, [])
    return hashed("".join(out))


def _write(node: Any, out: list[str], called: Mapping[str, str], noted: list[ast.AST]) -> None:
    if isinstance(node, ast.AST):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
            noted.append(node)
        out += [type(node).__name__, "("]
        for name in node._fields:
            value = getattr(node, name, None)
            # Later versions have further fields, which are empty here.
            if value is None or value == [] or name in ("kind", "type_comment"):
                continue
            if isinstance(node, ast.JoinedStr):  # 3.12 ends some with an empty text
                value = [v for v in value if getattr(v, "value", None) != ""]
            if name in ("id", "name") and isinstance(value, str):
                value = called.get(value, value)
            out += [name, "="]
            _write(value, out, called, noted)
        out.append(")")
    elif isinstance(node, list):
        out.append("[")
        for item in node:
            _write(item, out, called, noted)
        out.append("]")
    else:
        out.append(f"{type(node).__name__} {node!r},")


def imports(node: ast.AST, package: str) -> Iterator[tuple[str, str | None, str]]:
    """What a tree imports: module, attribute of it or None, name that it is bound to."""
    for part in ast.walk(node):
        yield from _imports(part, package)


def _imports(node: ast.AST, package: str) -> Iterator[tuple[str, str | None, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, None, alias.asname or alias.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            base = f"{above}.{base}".strip(".")
        for alias in node.names:
            yield base, alias.name, alias.asname or alias.name
    elif isinstance(node, ast.Call) and _last(node.func) in ("import_module", "__import__"):
        first = node.args[0] if node.args else None
        constant = isinstance(first, ast.Constant) and isinstance(first.value, str)
        yield (first.value if constant else "?"), None, ""  # type: ignore[union-attr]


def _last(node: ast.expr) -> str:
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def texts(node: ast.AST) -> set[str]:
    """Every short text in a tree."""
    parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {text for text in parts if isinstance(text, str) and len(text) <= 256}


def looks_up(node: ast.AST) -> bool:
    """Whether names may be looked up by texts that are not in the tree."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in LOOK_UP:
            return True
        if isinstance(part, ast.Attribute) and (part.attr, _last(part.value)) == ("modules", "sys"):
            return True
        if isinstance(part, ast.Call) and _last(part.func) in ("getattr", "setattr", "delattr"):
            name = part.args[1] if len(part.args) > 1 else None
            if not isinstance(name, ast.Constant):
                return True
    return False


def bound_inside(tree: ast.AST) -> set[str]:
    """Names that parameters, variables of functions or imports have anywhere in a tree."""
    found = set()
    for part in ast.walk(tree):
        if isinstance(part, ast.arg):
            found.add(part.arg)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.alias):
            found.add(part.asname or part.name.split(".")[0])
    return found


def words(node: ast.AST) -> set[str]:
    """Every name, attribute and short text in a tree: whatever might be looked up by its name."""
    found = texts(node)
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
    return found


def definition(tree: ast.Module, code: CodeType) -> Function | None:
    """The node that a function's code was compiled from."""
    found = [node for node in _functions(tree) if _first_line(node) == code.co_firstlineno]
    found = [node for node in found if getattr(node, "name", "<lambda>") == code.co_name]
    if len(found) > 1:  # lambdas on one line: where do the instructions come from?
        places = {(line, column) for line, _, column, _ in code.co_positions() if line and column}
        found = [node for node in found if places and all(_holds(node, *p) for p in places)]
    return found[-1] if found else None  # of lambdas one in another the innermost is last


@functools.lru_cache(maxsize=1024)
def _functions(tree: ast.Module) -> list[Any]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _first_line(node: Any) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])


def _holds(node: Any, line: int, column: int) -> bool:
    end = (node.end_lineno, node.end_col_offset)
    return (node.lineno, node.col_offset) <= (line, column) <= end


def locals_of(node: ast.AST, known: Mapping[str, Any]) -> dict[str, str]:
    """Local variables of a function, each called by its place.

    Only those that nothing else can be meant by: not also a parameter, a name of the module or of
    Python, nor where names are looked up by their text.
    """
    bound: dict[str, None] = {}
    taken = set(known) | set(dir(builtins))
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            bound[part.id] = None
        elif isinstance(part, ast.arg):
            taken.add(part.arg)
        elif isinstance(part, ast.Global | ast.Nonlocal):
            taken.update(part.names)
        elif isinstance(part, ast.ClassDef) or (isinstance(part, ast.Name) and part.id in LOOK_UP):
            return {}
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ExceptHandler):
            taken.add(part.name or "")
        elif isinstance(part, ast.alias):
            taken.add(part.asname or part.name.split(".")[0])
    free = [name for name in bound if name not in taken]
    return {name: f"local {place}" for place, name in enumerate(free)}
