"""Every test runs with shapes and types checked at each call of our code; dtypes, ranks strict."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator

from sims.running import environment

# As a command does, before the libraries that read it are imported.
environment.prepare()

import psutil  # noqa: E402
import pyarrow as pa  # noqa: E402
import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

from tests import annotations  # noqa: E402, F401

# Of sims all but what JAX traces, whose numbers are no floats then: studies, benches, identity.
ROOMS = ("figures", "running", "storage", "study", "terminal", "text", "results", "sweep")
# Before anything imports the packages: the hook rewrites them as they load.
hooks = [
    install_import_hook("matsense", "beartype.beartype"),
    install_import_hook([f"sims.{room}" for room in ROOMS], "tests.annotations.checked"),
]

import jax  # noqa: E402

import matsense  # noqa: E402, F401
import sims  # noqa: E402, F401
from tests import children  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "standard"
# Ranks in the processes of tests too: what a command computes is matsense and its studies.
jax.config.update("jax_numpy_rank_promotion", "raise")
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"


# Bytes of compiled functions and tables that a module of tests may gather.
MOST = 150e6


def resident() -> int:
    found: int = psutil.Process().memory_info().rss
    return found


def forget() -> int:
    """Gives the memory of compiled functions (together 4 GB) and of tables back; what is left."""
    jax.clear_caches()
    gc.collect()
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return resident()


def pytest_collection_finish() -> None:
    """Some modules compute what they are about when they are imported."""
    forget()


@pytest.fixture(autouse=True, scope="module")
def weight_of_a_module() -> Iterator[dict[str, int]]:
    """What a module of tests starts with: nothing compiled."""
    yield {"bytes": resident()}
    forget()


@pytest.fixture(autouse=True)
def forgetting(weight_of_a_module: dict[str, int]) -> Iterator[None]:
    """Starts a module again when it has gathered too much."""
    yield
    if resident() > weight_of_a_module["bytes"] + MOST:
        weight_of_a_module["bytes"] = forget()


@pytest.fixture(autouse=True)
def ending() -> Iterator[None]:
    """Leaves no process of a test, which would fail an innocent one as it is collected."""
    yield
    children.end_all()
