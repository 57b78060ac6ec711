"""matsense: the mathematics of matrix recovery experiments, as pure functions and frozen data.

Nothing here opens a file, starts a process or prints; that is the other package, `sims`.
"""

import jax

# float64 is the default of every study: squared errors are followed down to about 1e-31.
jax.config.update("jax_enable_x64", True)

__version__ = "0.1.0"
