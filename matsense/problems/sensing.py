"""Matrix sensing: recover a low-rank Sigma from y = A(Sigma) + noise. [xiong2024], setting."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from matsense.factors import LowRank
from matsense.operators import Coordinates, Form, Gram, Population, Rows, cheaper_form, gaussian
from matsense.pytree import pytree


@pytree
class Truth:
    """Sigma = U diag(sigma) V^T with orthonormal U, V and sigma descending."""

    U: Float[Array, "n1 r"]
    sigma: Float[Array, " r"]
    V: Float[Array, "n2 r"]

    @property
    def matrix(self) -> LowRank:
        """Sigma in factored form."""
        return LowRank(self.U * self.sigma[None], self.V)


@pytree
class Noise:
    """Measurement noise xi, as the two things that gradients and losses need of it."""

    adjoint: Float[Array, "n1 n2"]
    energy: Float[Array, ""]


@pytree
class Sensing:
    """One instance: truth, operator and noise (None: noiseless).

    Residuals are formed as A*A(F G^T - Sigma) - A*(xi), which equals A*(A(F G^T) - y) by linearity
    and keeps its relative accuracy down to errors of 1e-31, where A*A(F G^T) - A*(y) would cancel.
    """

    truth: Truth
    operator: Population | Rows | Gram
    noise: Noise | None = None

    def residual(
        self, F: Float[Array, "n1 k"], G: Float[Array, "n2 k"]
    ) -> LowRank | Float[Array, "n1 n2"]:
        """R = A*(A(F G^T) - y); factored in the population."""
        R = self.operator.normal(LowRank(F, G) - self.truth.matrix)
        # The population has no noise: its residual alone is factored.
        if self.noise is None or isinstance(R, LowRank):
            return R
        return R - self.noise.adjoint

    def misfit(self, F: Float[Array, "n1 k"], G: Float[Array, "n2 k"]) -> Float[Array, ""]:
        """||A(F G^T) - y||^2, the observable residual, squared (twice the loss)."""
        error = LowRank(F, G) - self.truth.matrix
        energy = self.operator.energy(error)
        if self.noise is None:
            return energy
        return energy - 2 * jnp.sum(error.dense() * self.noise.adjoint) + self.noise.energy

    def squared_error(self, F: Float[Array, "n1 k"], G: Float[Array, "n2 k"]) -> Float[Array, ""]:
        """E = ||F G^T - Sigma||_F^2, the squared Frobenius error of [xiong2024]."""
        return jnp.sum((LowRank(F, G) - self.truth.matrix).dense() ** 2)


def geometric_spectrum(r: int, kappa: float | Float[Array, ""]) -> Float[Array, " r"]:
    """sigma_1 = 1 (the unit of 1 / eta) down to sigma_r = 1 / kappa, in equal ratios."""
    return jnp.asarray(kappa) ** -(jnp.arange(r) / max(r - 1, 1))


def symmetric_truth(key: PRNGKeyArray, n: int, sigma: Float[Array, " r"]) -> Truth:
    """A PSD Sigma = U diag(sigma) U^T with Haar U and the given eigenvalues, descending."""
    U = jax.random.orthogonal(key, n, m=sigma.shape[0])
    return Truth(U, sigma, U)


def rectangular_truth(
    key: PRNGKeyArray, shape: tuple[int, int], sigma: Float[Array, " r"]
) -> Truth:
    """An n1-by-n2 Sigma = U diag(sigma) V^T with independent Haar U and V."""
    key_u, key_v = jax.random.split(key)
    r = sigma.shape[0]
    n1, n2 = shape
    U, V = jax.random.orthogonal(key_u, n1, m=r), jax.random.orthogonal(key_v, n2, m=r)
    return Truth(U, sigma, V)


def population(truth: Truth) -> Sensing:
    """The instance with A*A = identity: what m -> infinity measurements give."""
    return Sensing(truth, Population((truth.U.shape[0], truth.V.shape[0])))


def measured(
    key: PRNGKeyArray,
    truth: Truth,
    m: int,
    form: Form,
    symmetric: bool = False,
    noise: float | Float[Array, ""] = 0.0,
) -> Sensing:
    """The instance with m Gaussian measurements y = A(Sigma) + xi, xi_i i.i.d. N(0, noise^2 / m).

    `symmetric` packs the symmetric part of the A_i: all that matters to a symmetric method, and
    fatal to an asymmetric one (the antisymmetric part of F G^T becomes invisible), where it serves
    as a negative control. With the 1/sqrt(m) in A, `noise` is the standard deviation of a single
    unnormalised measurement <A_i, Sigma>.
    """
    key_rows, key_noise = jax.random.split(key)
    xi = noise * jax.random.normal(key_noise, (m,)) / math.sqrt(m)
    shape = (truth.U.shape[0], truth.V.shape[0])
    operator, adjoint = gaussian(key_rows, m, Coordinates(shape, symmetric), form, xi)
    noiseless = isinstance(noise, float) and noise == 0.0
    return Sensing(truth, operator, None if noiseless else Noise(adjoint, jnp.sum(xi**2)))


# The form of A*A is chosen for as many lanes as a vector register holds.
LANES = 8


def square(
    key: PRNGKeyArray,
    n: int,
    r: int,
    kappa: float | Float[Array, ""],
    m: int = 0,
    steps: int = 1,
) -> Sensing:
    """A PSD truth of a geometric spectrum, through m Gaussian measurements in the form that is
    cheaper over so many steps of a block of lanes; m = 0: through A*A = identity.
    """
    return _seen(key, symmetric_truth(key, n, geometric_spectrum(r, kappa)), m, steps, True)


def rectangle(
    key: PRNGKeyArray,
    n1: int,
    n2: int,
    r: int,
    kappa: float | Float[Array, ""],
    m: int = 0,
    steps: int = 1,
    n: int = 0,
) -> Sensing:
    """As `square`, with a rectangular truth; or, with n = n1 = n2, with a square one that is not
    symmetric but seen through symmetric A_i (a control: its antisymmetric part is invisible).
    """
    truth = rectangular_truth(key, (n1, n2), geometric_spectrum(r, kappa))
    return _seen(key, truth, m, steps, n > 0)


def _seen(key: PRNGKeyArray, truth: Truth, m: int, steps: int, symmetric: bool) -> Sensing:
    if m == 0:
        return population(truth)
    p = Coordinates((truth.U.shape[0], truth.V.shape[0]), symmetric).size
    return measured(key, truth, m, cheaper_form(m, p, steps * LANES), symmetric)


def entries(m: int, p: int, steps: int) -> int:
    """Entries of the operator's matrix, by the dimension p of the matrices that it can see."""
    return p * (p if cheaper_form(m, p, steps * LANES) == "gram" else m)
