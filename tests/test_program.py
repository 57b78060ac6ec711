"""A run's identity: it sees every change of what is computed, and nothing else.

Every change of a table is made in a small package of a user's own, once for a trial, whose program
is traced, and once for a host stage, whose source is followed.
"""

import ast
import importlib
import importlib.metadata
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sims.identity import jitted, own_code, program, syntax
from tests.changes import NOT_SEEN, OTHER, SEEN, Side
from tests.lab import lab, remembered, staged, sweep_of, traced

__all__ = ["lab"]


@pytest.mark.parametrize("change", SEEN)
def test_a_change_of_what_is_computed_is_seen(change: str, lab: Callable[[Side], None]) -> None:
    found = []
    for side in SEEN[change]:
        lab(side)
        found.append((remembered(), staged("lab_here"), staged("lab_after")))
    (trial, here, beyond), (new_trial, new_here, new_beyond) = found
    assert trial != new_trial, "the trial"
    assert here != new_here, "a stage in the same file"
    assert beyond != new_beyond, "a stage in another file"


@pytest.mark.parametrize("change", NOT_SEEN)
def test_what_changes_no_number_is_not_seen(change: str, lab: Callable[[Side], None]) -> None:
    found = []
    for side in NOT_SEEN[change]:
        lab(side)
        found.append((traced(), staged("lab_here")))
    assert found[0] == found[1]


SOLVER = {
    "lab_problem": """
import jax, jax.numpy as jnp
from matsense.pytree import pytree, static

@pytree
class Instance:
    matrix: jax.Array
    rank: int = static()

def draw(key, n):
    return Instance(jax.random.normal(key, (n, n)), 1)
""",
    "lab_solver": """
import jax, jax.numpy as jnp
from functools import partial
STEP = 0.1

@partial(jax.jit, static_argnames="twice")
def gradient(state, matrix, twice=False):
    return jnp.where(state > 0, state, matrix @ state)

def update(state, matrix):
    return state - STEP * gradient(state, matrix)
""",
    "lab_study": """
import jax, jax.numpy as jnp
import lab_solver
from lab_problem import draw as problem

def measured(state):
    return jnp.linalg.norm(state)

def trial(instance, key, a):
    start = jnp.ones(instance.matrix.shape[0])
    step = lambda state, _: (lab_solver.update(state, instance.matrix), measured(state))
    return {"y": a * jax.lax.scan(step, start, None, length=4)[1]}
""",
}
RENAMED = {
    "lab_problem": "lab/things", "lab_solver": "lab/method", "lab_study": "lab/paper",
    "Instance": "Datum", "matrix": "array", "rank": "width", "draw": "sample", "STEP": "ETA",
    "gradient": "slope", "update": "advance", "measured": "length_of", "state": "iterate",
    "start": "origin", "step": "go",
}  # fmt: skip


def test_a_solver_renamed_from_end_to_end_and_moved_is_the_same_program(
    tmp_path: Path, lab: Callable[[Side], None]
) -> None:
    def named(module: str) -> tuple[str, Any]:
        study = importlib.import_module(module)
        return program.name_of(sweep_of(study), {"n": 3}, 1, "float64", ""), study

    for name, text in SOLVER.items():
        (tmp_path / f"{name}.py").write_text(text)
    before, _ = named("lab_study")
    (tmp_path / "lab").mkdir()
    for name, text in SOLVER.items():
        for old, new in RENAMED.items():
            text = re.sub(rf"\b{old}\b", new.replace("/", "."), text)
        (tmp_path / f"{RENAMED[name]}.py").write_text(text)
    sys.modules.pop("lab", None)
    importlib.invalidate_caches()
    after, renamed = named("lab.paper")
    assert not hasattr(renamed, "measured")
    assert after == before
    changed = (tmp_path / "lab" / "method.py").read_text().replace("ETA = 0.1", "ETA = 0.2")
    (tmp_path / "lab" / "method.py").write_text(changed)
    for name in [name for name in sys.modules if name.startswith("lab.")]:
        del sys.modules[name]
    assert named("lab.paper")[0] != before


def test_a_module_that_a_host_stage_imports_may_be_renamed(
    tmp_path: Path, lab: Callable[[Side], None]
) -> None:
    side = Side("import other\ndef f(x):\n    return other.g(x)\n", OTHER)
    lab(side)
    found = staged("lab_here"), staged("lab_after")
    (tmp_path / "lab_other.py").write_text(OTHER)
    lab(Side(side.code.replace("other", "lab_other")))
    assert staged("lab_here") == found[0]
    assert staged("lab_after") != found[1], "beyond its own file names count: a doubt reruns"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("wrap_key_data(inputs[0]), 0)", "wrap_key_data(inputs[0]), 2)"),
        ("wrap_key_data(key), 1)", "wrap_key_data(key), 2)"),
        ("jax.vmap(one)(", "(lambda *x: jax.lax.map(lambda y: one(*y), x))("),
        ("jax.vmap(lane)(lanes)", "jax.lax.map(lane, lanes)"),
        ("return cast(problem", "return 2.0 * cast(problem"),
    ],
)
def test_the_engine_itself_is_in_the_program(
    old: str, new: str, lab: Callable[[Side], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folding of keys, its way through instances and lanes, what it does to an instance."""
    lab(Side("import jax\ndef f(x):\n    return 2.0 * x\n"))
    study = importlib.import_module("lab_study")
    study.problem = lambda key, n: jax.random.normal(key, (n,))
    study.trial = lambda instance, key, a: {"y": a * instance + jax.random.normal(key)}
    before = program.name_of(sweep_of(study), {"n": 3}, 1, "float64", "")
    source = Path(jitted.__file__).read_text()
    assert source.count(old) == 1
    changed = types.ModuleType("changed")
    exec(compile(source.replace(old, new), "<changed>", "exec"), vars(changed))
    monkeypatch.setattr(program, "generator_of", changed.generator_of)
    monkeypatch.setattr(program, "trial_of", changed.trial_of)
    assert program.name_of(sweep_of(study), {"n": 3}, 1, "float64", "") != before


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("jax_default_prng_impl", "rbg"),
        ("jax_threefry_partitionable", False),
        ("jax_default_matmul_precision", "bfloat16"),
        ("jax_enable_x64", False),
        ("jax_disable_most_optimizations", True),
    ],
)
def test_settings_of_jax_that_change_numbers_are_seen(
    setting: str, value: Any, lab: Callable[[Side], None]
) -> None:
    lab(Side("import jax\ndef f(x):\n    return x @ x + x\n"))
    study = importlib.import_module("lab_study")
    study.problem = lambda key, n: jax.random.normal(key, (n,))

    def named() -> str:
        return program.name_of(sweep_of(study), {"n": 3}, 1, "float64", program.settings())

    before, old = named(), jax.config.values[setting]
    jax.config.update(setting, value)
    try:
        assert named() != before
    finally:
        jax.config.update(setting, old)
    assert named() == before


@pytest.mark.parametrize(
    ("variable", "value", "seen"),
    [
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true", True),
        ("NPY_DISABLE_CPU_FEATURES", "AVX2", True),
        ("OPENBLAS_CORETYPE", "Nehalem", True),
        ("XLA_FLAGS", "--xla_dump_to=/tmp/x --xla_cpu_multi_thread_eigen=false", False),
        ("JAX_COMPILATION_CACHE_DIR", "/tmp/x", False),
        ("SHLVL", "7", False),
    ],
)
def test_variables_that_change_numbers_are_seen(
    variable: str, value: str, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", "")
    before = program.settings()
    monkeypatch.setenv(variable, value)
    assert (program.settings() != before) == seen


@pytest.mark.parametrize("package", ["clarabel", "scs", "numpy", "jaxtyping", "beartype"])
def test_versions_of_what_a_stage_imports_count_but_for_types(
    package: str, lab: Callable[[Side], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a package that computes on the host and whose classes name another module."""
    code = f"import {package}\nimport jaxtyping\ndef f(x):\n    return {package}.solve(x)\n"
    found = []
    for number in ("1.0", "2.0"):
        told = {package: number}
        monkeypatch.setattr(importlib.metadata, "version", lambda name, t=told: t.get(name, "0.1"))
        own_code.version.cache_clear()
        lab(Side(code))
        found.append((staged("lab_here"), staged("lab_after")))
    own_code.version.cache_clear()
    seen = package not in ("jaxtyping", "beartype")
    assert [a != b for a, b in zip(*found, strict=True)] == [seen, seen]


def test_constants_are_printed_to_the_last_bit() -> None:
    """Of any size, and captured however."""

    def named(last: float, wrap: Callable[[Any], Any]) -> str:
        big = np.zeros(40_000)
        big[-1] = last
        constant = wrap(big)
        sweep = SimpleNamespace(
            problem=lambda key: jnp.zeros(40_000), trial=lambda i, key: {"y": (i + constant).sum()},
            after=None, instance={}, lane={}, lanes_wide=1, in_turn=False,
        )  # fmt: skip
        return program.name_of(sweep, {}, 1, "float64", "")

    for wrap in (np.asarray, jnp.asarray):
        for simplified in (False, True):
            with jax._src.config.use_simplified_jaxpr_constants(simplified):
                assert named(1.0, wrap) != named(np.nextafter(1.0, 2.0), wrap)
                assert named(1.0, wrap) == named(1.0, wrap)


def test_later_versions_of_python_parse_to_the_same_text() -> None:
    """Their trees have further fields that are empty, and an empty text after a nested format."""
    tree = ast.parse("f'{x:<{N}}'\ndef g(x): return x")
    later = ast.parse("f'{x:<{N}}'\ndef g(x): return x")
    for node in ast.walk(later):
        if isinstance(node, ast.JoinedStr):
            node.values.append(ast.Constant(""))
        if isinstance(node, ast.FunctionDef):
            node.type_params = []
    assert syntax.said(tree) == syntax.said(later)
    assert syntax.said(tree) != syntax.said(ast.parse("f'{x:<{M}}'\ndef g(x): return x"))


def test_scipy_counts_where_its_lapack_is_called(
    lab: Callable[[Side], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU, JAX calls that of scipy."""

    def named(code: str) -> list[str]:
        lab(Side(code))
        found = []
        for number in ("1.0", "2.0"):
            told = {"scipy": number}
            monkeypatch.setattr(
                importlib.metadata, "version", lambda name, t=told: t.get(name, "0.1")
            )
            own_code.version.cache_clear()
            found.append(traced())
        own_code.version.cache_clear()
        return found

    without = named("def f(x):\n    return 2.0 * x\n")
    assert without[0] == without[1]
    eigh = "import jax.numpy as jnp\ndef f(x):\n    return jnp.linalg.eigh(jnp.diag(x))[0]\n"
    calling = named(eigh)
    assert calling[0] != calling[1]


def test_of_compiled_code_that_nothing_is_known_of_all_around_it_counts(
    lab: Callable[[Side], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign call: a doubt reruns when anything of the user's own has changed."""
    # The tests' own modules are a user's too, and those that are at work here change by themselves.
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "conftest")]:
        monkeypatch.delitem(sys.modules, name)
    code = (
        "import jax\nUNUSED = 2.0\ndef f(x):\n    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)\n"
    )
    code += "    return jax.ffi.ffi_call('users_own', shape, vmap_method='broadcast_all')(x)\n"
    names = []
    for text in (code, code.replace("2.0", "3.0"), code.replace("import jax", "import jax  # .")):
        lab(Side(text))
        names.append(traced())
    assert names[0] == names[2] != names[1]
