"""What changes a run's identity: arithmetic that it reaches, and nothing else.

Each test writes a small package of two modules under another name for `matsense`-like code, changes
one thing, and compares the fingerprints of a function computed in fresh processes.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MODEL = '''"""A module."""
SCALE = 2.0
UNUSED = 3.0

class Rule:
    """A class."""
    def value(self, x: float) -> float:
        """A method."""
        return x * SCALE

def other(x):
    return x + 1

def helper(x: float) -> float:
    """Doc."""
    # a comment
    return Rule().value(x)
'''
TRIAL = """
from functools import partial
import numpy as np
from sims import lab_model
from sims.lab_model import helper

def trial(x):
    return np.sqrt(helper(x))

def through_module(x):
    return lab_model.helper(x)

bound = partial(trial, 3.0)
"""


def fingerprints(folder: Path, model: str, trial: str = TRIAL) -> dict[str, str]:
    """Fingerprints of three functions, in a process where `sims` also holds the two modules."""
    (folder / "lab_model.py").write_text(model)
    (folder / "lab_trial.py").write_text(trial)
    code = (
        f"import sims; sims.__path__.append({str(folder)!r})\n"
        "from sims import fingerprint, lab_trial as t\n"
        "print(fingerprint.of(t.trial), fingerprint.of(t.through_module), fingerprint.of(t.bound))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True
    )
    return dict(zip(("trial", "module", "partial"), done.stdout.split(), strict=True))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # a comment\n", "    # another\n\n"),
        ('"""Doc."""', '"""Longer\n    documentation."""'),
        ('"""A method."""', '"""Another."""'),
        ("x: float) -> float", "x: complex) -> complex"),
        ("UNUSED = 3.0", "UNUSED = 4.0"),
        ("return x + 1", "return x + 2"),
    ],
)
def test_what_does_not_matter(tmp_path: Path, old: str, new: str) -> None:
    assert old in MODEL
    assert fingerprints(tmp_path, MODEL) == fingerprints(tmp_path, MODEL.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * SCALE", "x / SCALE"),
        ("SCALE = 2.0", "SCALE = 2.5"),
        ("Rule().value(x)", "Rule().value(-x)"),
    ],
)
def test_arithmetic_behind_a_class_and_a_constant_matters(
    tmp_path: Path, old: str, new: str
) -> None:
    before, after = fingerprints(tmp_path, MODEL), fingerprints(tmp_path, MODEL.replace(old, new))
    assert all(before[name] != after[name] for name in before)


def test_bound_arguments_matter(tmp_path: Path) -> None:
    before = fingerprints(tmp_path, MODEL)
    after = fingerprints(tmp_path, MODEL, TRIAL.replace("trial, 3.0", "trial, 4.0"))
    assert before["trial"] == after["trial"]
    assert before["partial"] != after["partial"]


def test_solvers_of_the_study_are_told_apart() -> None:
    """The real study: each trial reaches its own solver and not the others'."""
    from sims import fingerprint
    from sims.studies.overparam_gd import trials

    walk = fingerprint._Walk()
    walk.visit(trials.symmetric_trial)
    reached = " ".join(walk.parts)
    assert "symmetric_gd.symmetric_gd" in reached
    assert "theory.overparam.null_block" in reached
    assert "one_step_gd" not in reached
    assert "finite_sample_factor" not in reached
    assert "package jax" in reached
