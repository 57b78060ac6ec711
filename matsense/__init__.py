"""matsense: the mathematics of matrix recovery experiments, as pure functions and frozen data.

Nothing here opens a file, starts a process or prints; that is the other package, `sims`. Importing
it changes one thing in your process, and no other: JAX computes in 64 bits from then on
(`jax_enable_x64`), for your own code too.
"""

import jax

# float64 is the default of every study: squared errors are followed down to about 1e-31.
jax.config.update("jax_enable_x64", True)

__version__ = "0.1.0"
