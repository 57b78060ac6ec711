"""A small study of a user's own, written into a folder and imported from there."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import scipy.special

from sims.identity import host_stages, names, program
from sims.identity.names import Names
from tests.changes import Side

TRIAL = """
import jax.numpy as jnp
from {module} import f

def problem(key, n):
    return jnp.arange(float(n))

def trial(instance, key, a):
    return {{"y": f(instance) * a}}
"""
STAGE = "\n\ndef after(instance, quantities):\n    return {'y': f(quantities['y'])}\n"
BEYOND = "from lab import f" + STAGE
MODULES = ("lab", "other", "lab_study", "lab_after", "lab_here")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Side], None]]:
    """Writes one side of a change into a folder and forgets what was imported from there."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(scipy.special, "agm", scipy.special.agm)

    def write(side: Side) -> None:
        for module in MODULES:
            sys.modules.pop(module, None)
        names._KNOWN.clear()
        monkeypatch.delenv("LAB", raising=False)
        for key, value in side.variables.items():
            monkeypatch.setenv(key, value)
        for name, text in side.files.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "lab.py").write_text(side.code)
        (tmp_path / "other.py").write_text(side.other)
        (tmp_path / "lab_study.py").write_text(TRIAL.format(module="lab"))
        (tmp_path / "lab_after.py").write_text(BEYOND)
        (tmp_path / "lab_here.py").write_text(side.code + STAGE)
        importlib.invalidate_caches()

    yield write
    for module in MODULES:
        sys.modules.pop(module, None)


def sweep_of(module: Any, after: Any = None) -> Any:
    return SimpleNamespace(
        problem=module.problem, trial=module.trial, after=after, instance={}, lane={"a": (1.0,)},
        lanes_wide=2, in_turn=False,
    )  # fmt: skip


def traced() -> str:
    """The name of the small study's program, however it is found."""
    study = importlib.import_module("lab_study")
    return program.name_of(sweep_of(study), {"n": 3}, 1, "float64", "")


def remembered() -> str:
    """The same by way of what earlier processes have written down."""
    study = importlib.import_module("lab_study")
    found = Names("lab_study")
    name = found.of(sweep_of(study), {"n": 3}, 1, "float64")
    assert found.known == 1, "it could not be traced"
    found.remember()
    return name


def staged(module: str) -> str:
    return host_stages.name_of(importlib.import_module(module).after)
