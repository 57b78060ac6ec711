"""Names a host stage by the source that it reaches and by what stands there now.

Inside its own file statement by statement: the definitions and assignments behind every name that
it says. Beyond it whole modules of ours, with all that they import; packages by their versions.
What cannot be followed for certain counts whole, so that a doubt reruns.
"""

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import jax

from sims.identity import bindings, own_code, own_files, syntax
from sims.identity.values import Hasher, hashed, unchecked

ENVIRONMENT = {"environ", "environb", "getenv"}


def name_of(stage: Callable[..., Any], instances: Any = None) -> str:
    """Name of a stage that is given such `instances` (a pytree of shapes): a hash.

    Reads sources and values, runs nothing.
    """
    reach = _Reach(stage)
    found = [reach.hasher.of(stage)]
    if instances is not None:
        found += [reach.hasher.of(part) for part in _structure(jax.tree.structure(instances))]
    return hashed(*found, *sorted(reach.said), *sorted(reach.outside))


def _structure(tree: Any) -> Iterator[Any]:
    """The classes and static fields of a pytree, which a stage is handed too."""
    node = tree.node_data()
    if node is not None:
        yield from node
    for child in tree.children():
        yield from _structure(child)


class _Reach:
    """What has been met on the way: hashes of source, and of what lies outside it."""

    def __init__(self, stage: Callable[..., Any]) -> None:
        self.hasher = Hasher(self._code)
        self.said: set[str] = set()
        self.outside: set[str] = set()
        self._home = _file_of_code(stage)
        self._whole: dict[str, str] = {}
        self._met: set[tuple[str, str]] = set()

    def _code(self, function: FunctionType) -> str:
        """What stands for a function: its definition, and all that it reaches."""
        code = function.__code__
        if code.co_filename.startswith("<"):
            generated = code.co_name.startswith("__")  # by dataclass or NamedTuple, from fields
            return f"generated {code.co_name}" if generated else own_code.bytecode(function)
        path = Path(code.co_filename)
        module = _module_of(function, path)
        tree = syntax.tree_of(path) if path.is_file() else None
        node = None if tree is None else syntax.definition(tree, code)
        if module is None or node is None:
            return own_code.bytecode(function) if module is None else self.whole(module)
        if path == self._home:
            return self._definition(module, node)
        self.whole(module)
        return syntax.said(node)

    def _definition(self, module: ModuleType, node: Any) -> str:
        """A definition in the stage's own file, without its name and those of its variables."""
        self._follow(module, node)
        called = self._called(module, node) | syntax.locals_of(node, vars(module))
        return syntax.said(node, called)

    def _called(self, module: ModuleType, node: ast.AST) -> dict[str, str]:
        """What functions of the stage's own file, and modules of ours, are called by in a text."""
        called = dict(bindings.names_of(module))
        path = syntax.file_of(module)
        inside = set() if path is None else bindings.parameters(syntax.tree_of(path))
        for name in syntax.words(node) - inside:
            value = vars(module).get(name)
            if isinstance(value, ModuleType) and own_files.is_own_module(value):
                called[name] = f"module {self.whole(value)}"
        return called

    def _follow(self, module: ModuleType, node: ast.AST) -> None:
        """All that a piece of the stage's own file reaches."""
        words = syntax.words(node)
        if syntax.looks_up(node):
            self.whole(module)
        for path, attribute, _ in syntax.imports(node, module.__package__ or ""):
            self._imported(module, path, attribute)
        self._outside(module, node, words)
        for name in sorted(words):
            self._name(module, name)

    def _name(self, module: ModuleType, name: str) -> None:
        """A name of the stage's own file: the statements that bind or change it, and its value."""
        statements = list(bindings.statements(module, name))
        if (module.__name__, name) in self._met or not (statements or name in vars(module)):
            return
        self._met.add((module.__name__, name))
        called = self._called(module, ast.Name(name)).get(name, name)
        value = vars(module).get(name)
        if called.startswith("module "):
            return  # all of it stands under its name already
        if not isinstance(value, ModuleType):
            self.said.add(hashed("value", called, self.hasher.of(value)))
        for place, statement in enumerate(statements):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for path, attribute, bound in syntax.imports(statement, module.__package__ or ""):
                    if bound in (name, "*"):
                        origin = self._imported(module, path, attribute)
                        self.said.add(hashed("import", called, origin, attribute or ""))
            elif isinstance(statement, syntax.Function):
                text = self._definition(module, statement)
                self.said.add(hashed("def", called, str(place), text))
            else:
                text = syntax.said(statement, self._called(module, statement))
                self.said.add(hashed("statement", called, str(place), text))
                self._follow(module, statement)

    def _imported(self, module: ModuleType, path: str, attribute: str | None) -> str:
        """What stands for an imported module: all of it if it is ours, else its version."""
        if path == "?":  # a name that is computed: anything installed, or beside the module
            beside = [syntax.said(syntax.tree_of(file)) for file in _beside(module)]
            self.outside.add(hashed("any", *own_code.everything_installed(), *sorted(beside)))
            return path
        # `from package import module` is the module, whatever the package holds besides.
        for name in (path,) if attribute is None else (f"{path}.{attribute}", path):
            found = _our_module(name)
            if found is not None:
                return self.whole(found)
        if path.split(".")[0] not in own_files.TYPES:
            self.outside.add(own_code.version(path))
        return path

    def whole(self, module: ModuleType) -> str:
        """All of one of our modules, what stands in it, and all that it imports."""
        if module.__name__ in self._whole:
            return self._whole[module.__name__]
        self._whole[module.__name__] = "above"
        path = syntax.file_of(module)
        if path is None:
            text = own_code.source(module)
        else:
            tree = syntax.tree_of(path)
            text = bindings.without_own_imports(tree, module.__package__ or "")
            for name, attribute, bound in syntax.imports(tree, module.__package__ or ""):
                origin = self._imported(module, name, attribute)
                self.said.add(hashed("import", text, bound, origin, attribute or ""))
            self._outside(module, tree, syntax.words(tree))
        self._whole[module.__name__] = text
        live = {k: v for k, v in list(vars(module).items()) if not isinstance(v, ModuleType)}
        self.said.add(hashed("whole", text, self.hasher.members(live)))
        return text

    def _outside(self, module: ModuleType, node: ast.AST, words: set[str]) -> None:
        """Variables of the environment, files, and functions of packages that were replaced."""
        if words & ENVIRONMENT:
            named = {word: os.environ[word] for word in words if word in os.environ}
            computed = any(_computed_variable(part) for part in ast.walk(node))
            told = dict(os.environ) if computed else named
            self.outside.add(hashed("environment", repr(sorted(told.items()))))
        beside = Path(getattr(module, "__file__", None) or "").parent
        for text in syntax.texts(node):
            for place in (Path(text), beside / text) if text.isprintable() and text else ():
                if place.suffix != ".py" and place.is_file():
                    self.outside.add(hashed("file", place.read_bytes().hex()))
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute):
                owner, value = _resolved(part, vars(module))
                replaced = isinstance(value, FunctionType) and own_files.is_own(
                    value.__code__.co_filename
                )
                if replaced and not own_files.is_own_module(owner):
                    self.said.add(hashed("attribute", part.attr, self.hasher.of(value)))


def _beside(module: ModuleType) -> set[Path]:
    """Source files of the package that a module is in; of a lone one, those in its folder."""
    package = sys.modules.get(module.__name__.split(".")[0])
    path = syntax.file_of(module)
    if package is not None and package is not module and hasattr(package, "__path__"):
        return {file for folder in package.__path__ for file in Path(folder).rglob("*.py")}
    return set() if path is None else {*path.parent.glob("*.py"), *path.parent.glob("*/*.py")}


def _our_module(name: str) -> ModuleType | None:
    """A module of ours, imported if the stage would first import it; None if it is not ours."""
    if name not in sys.modules and name.split(".")[0] not in sys.stdlib_module_names:
        try:
            found = importlib.util.find_spec(name)
            if found is not None and found.origin and own_files.is_own(found.origin):
                importlib.import_module(name)
        except Exception:
            return None  # the stage, too, cannot import it
    module = sys.modules.get(name)
    return module if own_files.is_own_module(module) else None


def _file_of_code(stage: Any) -> Path | None:
    """The file that a stage's own code lies in, behind whatever wraps it."""
    for _ in range(100):  # wrappers in wrappers
        if isinstance(stage, FunctionType):
            return Path(stage.__code__.co_filename)
        inner = [getattr(stage, name, None) for name in ("__wrapped__", "func", "__func__")]
        called = type(stage).__call__
        stage = next((part for part in inner if callable(part)), called)
        if stage is called and not isinstance(called, FunctionType):
            return None
    return None


def _module_of(function: FunctionType, path: Path) -> ModuleType | None:
    """The module whose file holds a function's code."""
    told = function.__globals__.get("__name__")
    module = sys.modules.get(told or "")
    if module is not None and vars(module) is function.__globals__:
        return module if syntax.file_of(module) == path else None
    return None


def _computed_variable(node: ast.AST) -> bool:
    """Whether a piece of code reads a variable of the environment whose name is not in it."""
    if isinstance(node, ast.Subscript) and _says_environment(node.value):
        return not isinstance(node.slice, ast.Constant)
    if isinstance(node, ast.Call) and _says_environment(node.func):
        return not (node.args and isinstance(node.args[0], ast.Constant))
    return False


def _says_environment(node: ast.AST) -> bool:
    return bool(syntax.words(node) & ENVIRONMENT)


def _resolved(node: ast.expr, scope: dict[str, Any]) -> tuple[Any, Any]:
    """A module and what `module.attribute` stands for; None twice for any other attribute."""
    if isinstance(node, ast.Name):
        return None, scope.get(node.id)
    if isinstance(node, ast.Attribute):
        _, owner = _resolved(node.value, scope)
        if isinstance(owner, ModuleType):
            return owner, unchecked(vars(owner).get(node.attr))
    return None, None
