"""A digest of our own code as this process has imported it, to remember the programs by.

It sees every statement but comments and docstrings of all modules that a study has imported, and
what stands in them now: values read from files, functions that were replaced. It need not be blind
to names: where it differs, programs are traced again, and come out the same.
"""

import functools
import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sims.identity import own_files, syntax
from sims.identity.values import Hasher, hashed

# Modules that compute with what a study hands them; with a study's own they are all that counts.
ENGINE = ("sims.identity.jitted", "sims.identity.program")
# Modules whose values are what they have been told meanwhile: their source says all.
TOLD = {f"sims.identity.{name}" for name in ("names", "own_code", "own_files", "watch")}


def modules_of(study: str) -> dict[str, ModuleType]:
    """Our own modules that are imported for a study: its own, and what those import in turn."""
    roots = [name for name in sys.modules if name == study or name.startswith(f"{study}.")]
    waiting = [*ENGINE, *roots, *_IMPORTED_BY.get(study, ())]
    found: dict[str, ModuleType] = {}
    parts: dict[str, ModuleType] = {}  # of packages, imported by whomever
    said: list[str] = []
    while True:
        while waiting:
            name = waiting.pop()
            if name in found or not name:
                continue
            module = sys.modules.get(name) or _not_yet_imported(name, found)
            if module is None or not own_files.is_own_module(module):
                continue
            found[name] = module
            waiting += [name.rpartition(".")[0], *imports(module)]
            path = syntax.file_of(module)
            said += [] if path is None else [path.read_text(errors="replace")]
            for key, value in list(vars(module).items()):
                if _is_part(module, key, value):
                    parts |= {} if _is_of_engine(name) else {value.__name__: value}
                else:
                    waiting.append(getattr(value, "__module__", None) or "")
                    waiting.append(value.__name__ if isinstance(value, ModuleType) else "")
        # A part of a package is there for whoever says its name, although another imported it.
        lacking = [name for name in parts if name not in found]
        waiting = [n for n in lacking if any(n.rpartition(".")[2] in text for text in said)]
        if not any(own_files.is_own_module(sys.modules.get(name)) for name in waiting):
            return dict(sorted(found.items()))


def _is_of_engine(package: str) -> bool:
    """Whether it is a package of the engine's own: an import statement names what counts of it."""
    return package.split(".")[0] == "sims" and not package.startswith("sims.studies")


def _not_yet_imported(name: str, found: dict[str, ModuleType]) -> ModuleType | None:
    """A stand-in for a module of ours that some function will import; it is not imported here."""
    head, _, tail = name.rpartition(".")
    parent = sys.modules.get(head) or found.get(head)
    for place in getattr(parent, "__path__", ()) if head else sys.path:
        for path in (Path(place) / f"{tail}.py", Path(place) / tail / "__init__.py"):
            if own_files.is_own(str(path)) and path.is_file():
                module = ModuleType(name)
                module.__file__ = str(path)
                module.__package__ = name if path.name == "__init__.py" else head
                module.__path__ = [str(path.parent)] if path.name == "__init__.py" else []
                return module
    return None


def module_of(stage: Any) -> str:
    """The name of the module that a function was written in, behind what wraps it."""
    while not isinstance(stage, FunctionType):
        inner = getattr(stage, "__wrapped__", None) or getattr(stage, "func", None)
        if inner is None:
            return getattr(stage, "__module__", None) or type(stage).__module__
        stage = inner
    return str(stage.__globals__.get("__name__", ""))


def digest_of(name: str) -> str:
    """Digest of one module of ours and of all that it imports."""
    return digest(modules_of(name))


def _is_part(module: ModuleType, key: str, value: Any) -> bool:
    return isinstance(value, ModuleType) and value.__name__ == f"{module.__name__}.{key}"


_IMPORTED_BY: dict[str, set[str]] = {}


def imported_by(study: str, modules: Iterable[str]) -> None:
    """Notes which modules came with a study, also those that no import statement names."""
    own = {name for name in modules if own_files.is_own_module(sys.modules.get(name))}
    _IMPORTED_BY.setdefault(study, set()).update(own)


def digest(modules: dict[str, ModuleType]) -> str:
    """Digest of modules: their source, what stands in them, what they import of packages."""
    hasher = Hasher(bytecode)
    parts, packages = [], set()
    for name, module in modules.items():
        live = {k: v for k, v in list(vars(module).items()) if not _is_part(module, k, v)}
        live = {} if name in TOLD else live
        parts += [name, source(module), hasher.members(live)]
        packages |= {top.split(".")[0] for top in imports(module)}
    used = sorted(packages | {"jax", "jaxlib", "numpy", "scipy"})
    return hashed(*parts, *[installation(top) for top in used if top not in own_files.TYPES])


def source(module: ModuleType) -> str:
    """A module's statements without comments and docstrings; its bytes if it has no source."""
    path = syntax.file_of(module)
    if path is not None:
        return syntax.whole(syntax.tree_of(path), module.__package__ or "")[0]
    told = Path(getattr(module, "__file__", None) or "")
    return hashed(told.read_bytes().hex()) if told.is_file() else "none"


def imports(module: ModuleType) -> set[str]:
    """Full names of what a module's source imports, at its top or inside functions."""
    path = syntax.file_of(module)
    if path is None:
        return set()
    _, told = syntax.whole(syntax.tree_of(path), module.__package__ or "")
    return {base for base, _, _ in told} | {f"{base}.{name}" for base, name, _ in told if name}


def bytecode(function: FunctionType) -> str:
    """What a function that is in memory does, whatever its file says now."""
    return _instructions(function.__code__)


def _instructions(code: CodeType) -> str:
    constants = []
    for place, constant in enumerate(code.co_consts):
        if isinstance(constant, CodeType):
            constants.append(_instructions(constant))
        elif not (place == 0 and isinstance(constant, str) and code.co_name != "<lambda>"):
            constants.append(
                repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
            )
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return hashed(code.co_code.hex(), repr(names), *constants)


@functools.cache
def version(package: str) -> str:
    """Name and version of an installed package; nothing for what is not one."""
    top = package.split(".")[0]
    if top in sys.stdlib_module_names or not top:
        return ""
    try:
        return f"{top} {importlib.metadata.version(top)}"
    except importlib.metadata.PackageNotFoundError:
        names = own_files.installed().get(top, [])
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(names))


@functools.cache
def installation(package: str) -> str:
    """Version of an installed package, and a hash of the record of its files if there is one.

    A package that was edited and installed anew may have kept its version.
    """
    top = package.split(".")[0]
    names = [word for word in version(top).split()[::2] if word]
    records = [importlib.metadata.distribution(name).read_text("RECORD") for name in names]
    return hashed(version(top), *[record or "" for record in records])


@functools.cache
def everything_installed() -> tuple[str, ...]:
    """Names and versions of all installed packages but those of types."""
    told = {(d.name or "", d.version) for d in importlib.metadata.distributions()}
    return tuple(f"{name} {number}" for name, number in sorted(told) if name not in own_files.TYPES)


def libraries() -> str:
    """Stands for compiled code of the user's own that a program calls: all that is his, whole.

    Such a library is found through what holds it: a module of his, or a handle of `ctypes` there.
    """
    skipped = {*own_files.OURS, "__main__", "__mp_main__"}
    own = {n: m for n, m in sorted(sys.modules.items()) if n.split(".")[0] not in skipped}
    return digest({name: m for name, m in own.items() if own_files.is_own_module(m)})


def value_name(value: Any) -> str:
    """Hash of a value."""
    return Hasher(bytecode).of(value)
