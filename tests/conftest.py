"""Every test runs with shapes and types checked at each call of matsense, and strict dtypes."""

import os

from sims import environment

# As a command does, before the libraries that read it are imported.
environment.prepare()

from jaxtyping import install_import_hook  # noqa: E402

# Before anything imports the packages: the hook rewrites them as they load.
hook = install_import_hook(["matsense"], "beartype.beartype")

import jax  # noqa: E402

import matsense  # noqa: E402, F401

jax.config.update("jax_numpy_dtype_promotion", "strict")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "standard"
