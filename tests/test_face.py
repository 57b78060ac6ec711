"""What can be imported from matsense itself, and README's words about Python."""

import pkgutil
import re
import subprocess
import sys

import pytest

import matsense
from tests import toy

README = (toy.ROOT / "README.md").read_text()


def test_every_name_is_there_and_is_what_its_module_defines() -> None:
    for module, names in matsense._NAMES.items():
        for name in names.split():
            found = getattr(matsense, name)
            assert getattr(sys.modules[module], name) is found
            assert name in matsense.__all__ and name in dir(matsense)
    assert 25 <= len(matsense.__all__) <= 40
    with pytest.raises(AttributeError, match="'matsense' has no attribute 'nothing'"):
        matsense.nothing  # noqa: B018


def child(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=toy.ROOT, env=toy.environment(toy.ROOT),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_it_imports_jax_and_nothing_of_its_own() -> None:
    script = "import sys, jax; before = set(sys.modules); import matsense; "
    assert child(f"{script}print(sorted(set(sys.modules) - before))") == "['matsense']\n"


def test_no_name_is_that_of_a_module_which_would_take_its_place() -> None:
    """A module judge at the top, were there one, would take the place of the name when imported."""
    modules = {module.name for module in pkgutil.iter_modules(matsense.__path__)}
    assert modules and not modules & set(matsense.__all__)


def test_readme_from_python_in_eight_lines() -> None:
    """Draws an instance, runs a solver, fits the trace and judges a claim."""
    found = re.search(r"## From Python\n\n((?:    .*\n)+)", README)
    assert found is not None
    lines = [line[4:] for line in found[1].splitlines()]
    assert len([line for line in lines if not line.startswith(" ")]) <= 10
    assert max(map(len, lines)) <= 100
    said = child("\n".join([*lines, "print(law.law, law.value, verdict.call, verdict.sentence)"]))
    law, value, call, sentence = said.split(maxsplit=3)
    assert (law, call) == ("exponential", "inconclusive")
    assert abs(float(value) / 0.21072103 - 1) < 1e-3
    assert "consistent with 1 runs" in sentence and "without a negative control" in sentence


def test_the_study_that_readme_shows_is_the_one_that_new_writes() -> None:
    """Which tests of --new run."""
    template = (toy.ROOT / "sims" / "study" / "template.py").read_text()
    shown = "".join(f"    {line}" if line.strip() else line for line in template.splitlines(True))
    assert shown[shown.index("    import jax\n") :] in README
