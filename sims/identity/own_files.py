"""Which source files are the user's and ours, and which a package manager has installed."""

import functools
import importlib.metadata
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

# However they were installed, these two are the program.
OURS = ("matsense", "sims")
# Packages of types: they carry no arithmetic.
TYPES = {
    "annotated_types",
    "beartype",
    "jaxtyping",
    "mypy",
    "mypy_extensions",
    "typeguard",
    "typing_extensions",
    "typing_inspection",
    "wadler_lindig",
}


def is_own_module(module: ModuleType | None) -> bool:
    """Whether a module is ours or the user's: not of Python, and not of an installed package."""
    if module is None:
        return False
    name = getattr(module, "__name__", "")
    if name.split(".")[0] in OURS:
        return True
    path = getattr(module, "__file__", None)
    return path is not None and is_own(path)


@functools.cache
def is_own(file: str) -> bool:
    """Whether a source file is ours or the user's. What was generated ("<string>") is."""
    if file.startswith("<"):
        return not file.startswith("<frozen")
    path = Path(file).resolve()
    for folder in _libraries():
        if path.is_relative_to(folder):
            first = path.relative_to(folder).parts[0]
            top = first.split(".")[0]
            return top in OURS or not (first.endswith(".dist-info") or _is_installed(top))
    return not any(path.is_relative_to(folder) for folder in _python())


@functools.cache
def is_of_types(file: str) -> bool:
    """Whether code was written, or generated, by a package of types."""
    return file.startswith("<@beartype") or any(part in TYPES for part in Path(file).parts)


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Folders that package managers install into."""
    told = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    told += [*site.getsitepackages(), site.getusersitepackages()]
    # A system's Python beside a virtual environment's; what `pip install --target` has filled.
    told += [path for path in sys.path if path and any(Path(path).glob("*.dist-info"))]
    return tuple({Path(path).resolve(): None for path in told if path})


@functools.cache
def _python() -> tuple[Path, ...]:
    """Folders of Python itself."""
    names = ("stdlib", "platstdlib")
    return tuple({Path(sysconfig.get_path(name)).resolve(): None for name in names})


@functools.cache
def _is_installed(top: str) -> bool:
    try:
        importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:
        return top in installed()
    return True


@functools.cache
def installed() -> Mapping[str, list[str]]:
    """Top-level names of installed modules, each with the packages whose records hold it."""
    return importlib.metadata.packages_distributions()
