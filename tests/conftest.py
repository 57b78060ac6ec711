"""Every test runs with shapes and types checked at each call of matsense, and strict dtypes."""

import os

from jaxtyping import install_import_hook

# Before anything imports the packages: the hook rewrites them as they load.
hook = install_import_hook(["matsense"], "beartype.beartype")

# As a command would, before JAX is imported.
from sims import environment  # noqa: E402

environment.prepare()

import jax  # noqa: E402

import matsense  # noqa: E402, F401

jax.config.update("jax_numpy_dtype_promotion", "strict")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "standard"
