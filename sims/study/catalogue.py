"""The studies that a command can be given: the catalogue's by name, any other by its file's path.

A study in a file is named by the file's stem: its results lie under that name, and its runs are
named by it, wherever the file is moved. Modules beside it are imported by plain names, as those
beside a script are.
"""

import contextlib
import importlib
import importlib.util
import keyword
import os
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from matsense.errors import InvalidInput, nearest
from sims.identity import own_code, own_files
from sims.study import Study, blame, places
from sims.text.words import shown


class _HiddenModule(InvalidInput):
    """Another module is imported by the name of one beside a study."""


def available() -> list[str]:
    """The catalogue: the modules in the folder sims/studies."""
    return sorted(m.name for m in pkgutil.iter_modules([str(places.CATALOGUE)]) if m.name[0] != "_")


def find(word: str) -> str:
    """The name of the study that a user means: one of the catalogue, or a file of his own.

    Notes where a file lies, and imports nothing. Raises InvalidInput for a word that names neither,
    and for a file that cannot be a study.
    """
    if word in available():
        return word
    is_path = word.startswith("~") or any(sign in word for sign in (os.sep, os.altsep) if sign)
    if not (is_path or word.endswith(".py") or ("." in word and _is_file(word))):
        rule, remedy = "there is no such study", nearest(word, available())
        if word and _is_file(f"{word}.py"):
            remedy = f"for the file in this folder give {word}.py"
        raise InvalidInput(f"study {shown(word)!r}", rule, remedy)
    path = _file(word)
    folder = places.CATALOGUE.resolve()
    if path.resolve().is_relative_to(folder):
        name = path.resolve().relative_to(folder).parts[0].removesuffix(".py")
        if name in available():
            return name
    check_name(path.stem, f"study {_quoted(word)}", "rename it, as {}.py")
    known = getattr(sys.modules.get(path.stem), "__file__", None)
    if path.stem in sys.modules and known != str(path):
        rule = f"a module of that name was imported from {known}"
        raise InvalidInput(f"study {_quoted(word)}", rule, "rename one of them")
    places.register(path.stem, str(path))
    return path.stem


def check_name(name: str, value: str, remedy: str) -> None:
    """Raises InvalidInput about `value` unless a study can have this name.

    It must be one that Python imports, and none that another module has: of the catalogue, of
    Python, of an installed package. `remedy` has a place for a name that is better.
    """
    better = re.sub(r"\W", "_", name).strip("_") or "mine"
    better = f"study_{better}" if not better.isidentifier() else better
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        better = f"{better}_study" if keyword.iskeyword(better) else better
        rule = "a study's name is one that Python imports: letters, digits and _, a letter first"
        raise InvalidInput(value, rule, remedy.format(better))
    if name in available():
        rule = "the catalogue has a study of that name"
    elif name in own_files.OURS:
        rule = "that is the name of a part of this program"
    elif name in sys.stdlib_module_names:
        rule = "Python has a module of that name"
    elif _is_installed(name):
        rule = "an installed package has that name"
    else:
        return
    raise InvalidInput(value, rule, remedy.format(f"my_{name}"))


def load(name: str) -> Study:
    """The study of that name: of the catalogue, or of a file that `find` has noted.

    Raises InvalidInput if there is none, and for a module that cannot be imported or defines no
    study, whatever it raises: that is its author's to mend.
    """
    file = places.file_of(name)
    if not file and name not in available():
        raise InvalidInput(
            f"study {shown(name)!r}", "there is no such study", nearest(name, available())
        )
    said = _quoted(Path(file).name) if file else repr(name)
    module, before = places.module_of(name), set(sys.modules)
    try:
        study = getattr(_imported(module, file), "study", None)
    except (Exception, SystemExit) as error:
        if isinstance(error, _HiddenModule):
            raise
        where = blame.place(error)
        told = f"{type(error).__name__}: {error}" + (f", {where}" if where else "")
        why = f"it cannot be imported ({told})"
        line = f'"{file}"' if file else f'-c "import {module}"'
        raise InvalidInput(
            f"study {said}", why, f"mend it; for all details: python {line}"
        ) from error
    own_code.imported_by(module, set(sys.modules) - before)
    if not isinstance(study, Study):
        rule = f"the module {module} defines no study"
        raise InvalidInput(f"study {said}", rule, "end it with: study = Study(...)")
    return study


def _imported(name: str, file: str) -> ModuleType:
    """The module of a study; of one in a file, with the modules beside it first on the path.

    Only meanwhile: later they come last, so that none of them hides what the program has yet to
    import.
    """
    if not file or name in sys.modules:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(Path(file).parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        _refuse_hidden(module)
        raise
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)
    _refuse_hidden(module)
    return module


def _refuse_hidden(study: ModuleType) -> None:
    """Raises InvalidInput if a module beside a study is hidden by another of the same name.

    One that the study, or a module beside it, imports at its top or inside functions.
    """
    folder = Path(str(study.__file__)).parent
    met = [m for m in list(sys.modules.values()) if _lies_in(m, folder)]
    names: set[str] = set()
    for module in (study, *met):
        with contextlib.suppress(SyntaxError, ValueError):
            names |= {name.split(".")[0] for name in own_code.imports(module)}
    for name in sorted(names - {""}):
        for beside in (folder / f"{name}.py", folder / name / "__init__.py"):
            if beside.is_file() and not _is_same(found := _file_of(name), beside):
                raise _HiddenModule(
                    f"study {_quoted(Path(str(study.__file__)).name)}, module {name!r} beside it",
                    f"it is hidden by {found or 'a module of Python'}",
                    f"rename {beside.name if beside.stem == name else name}",
                )


def _lies_in(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).parent == folder


def _file_of(name: str) -> str | None:
    """The file of a module that was imported by a name, or would be."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    spec = importlib.util.find_spec(name)
    return None if spec is None else spec.origin


def _is_same(file: Any, other: Path) -> bool:
    return file is not None and Path(file).resolve() == other.resolve()


def _file(word: str) -> Path:
    """The absolute path of the file that a word names."""
    value, remedy = f"study {_quoted(word)}", "give the path of a study, as ./mine.py"
    try:
        path = Path(word).expanduser().absolute()
        if path.is_file():
            if path.suffix == ".py":
                return path
            raise InvalidInput(value, "it is no Python file: its name does not end in .py", remedy)
        if path.is_dir():
            inside = f"give the file of the study in it, as {shown(word)}/mine.py"
            raise InvalidInput(value, "it is a folder", inside.replace("//", "/"))
        if os.path.lexists(path):
            raise InvalidInput(value, "it is no file that can be read", remedy)
        there = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(value, getattr(error, "strerror", None) or str(error), remedy) from None
    rule = "there is no such file" if path.parent.is_dir() else "there is no such folder"
    raise InvalidInput(value, rule, nearest(path.name, there) if there else remedy)


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except OSError:
        return False


def _is_installed(name: str) -> bool:
    """Whether a module of that name is importable and was installed by a package manager."""
    if name in own_files.installed():
        return True  # even where a file of the user's hides it
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and spec.origin is not None and not own_files.is_own(spec.origin)


def _quoted(word: str) -> str:
    return repr(shown(word, most=200))
