"""What a module's source binds at its top: which statements stand behind a name, what it is called.

A name is one of a file, so that another name for the same thing is no other program.
"""

import ast
import functools
import sys
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

from sims.identity import own_files, syntax


def statements(module: ModuleType, name: str) -> Iterator[ast.stmt]:
    """Statements at the top of a module's file that bind a name or change what it stands for."""
    path = syntax.file_of(module)
    if path is not None:
        tree = syntax.tree_of(path)
        yield from (tree.body[place] for place in _places(tree).get(name, ()))


@functools.lru_cache(maxsize=256)
def _places(tree: ast.Module) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, statement in enumerate(tree.body):
        for name in _touched(statement):
            found.setdefault(name, []).append(place)
    return found


def _touched(statement: ast.stmt) -> set[str]:
    """Names that a statement at the top binds, or whose values it may change."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        decorators = {word for d in statement.decorator_list for word in syntax.words(d)}
        return {statement.name, *decorators}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return _imported_names(statement)
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return set().union(*map(syntax.words, targets))
    return syntax.words(statement)


@functools.lru_cache(maxsize=256)
def _shapes(tree: ast.Module) -> dict[str, str]:
    """Functions at the top of a file, each called by what it says but for names from elsewhere.

    Only those that no other is like, and that no text in the file may mean.
    """
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    blank = {bound: "module" for statement in tree.body for bound in _imported_names(statement)}
    blank |= {node.name: "function" for node in nodes}
    shapes = {node.name: syntax.said(node, blank | syntax.locals_of(node, blank)) for node in nodes}
    meant = syntax.texts(tree) | parameters(tree)
    alike = Counter(shapes.values())
    return {n: shape for n, shape in shapes.items() if alike[shape] == 1 and n not in meant}


def _imported_names(statement: ast.stmt) -> set[str]:
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return set()
    return {bound for _, _, bound in syntax.imports(statement, "")}


@functools.lru_cache(maxsize=256)
def parameters(tree: ast.Module) -> set[str]:
    """Names that mean something else in some function of a file."""
    functions = [node for node in ast.walk(tree) if isinstance(node, syntax.Function)]
    return set().union(*map(syntax.bound_inside, functions))


def names_of(module: ModuleType) -> dict[str, str]:
    """The functions at the top of a module, each called by what it says."""
    path = syntax.file_of(module)
    return {} if path is None else _shapes(syntax.tree_of(path))


def without_own_imports(tree: ast.Module, package: str) -> str:
    """A module's text but for what it imports of ours, which is named by its content."""
    kept = []
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            origins = {path for path, _, _ in syntax.imports(statement, package)}
            if all(own_files.is_own_module(sys.modules.get(path)) for path in origins):
                continue
        kept.append(statement)
    return syntax.said(kept)
