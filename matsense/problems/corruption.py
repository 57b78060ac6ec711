"""Robust sensing: a PSD truth seen through y = A(X*) + s with corrupted s, [ma2023] setup.

Normalisation as in [ma2023]: A(M)_i = <A_i, M> with i.i.d. N(0, 1) entries and NO 1/sqrt(m). The
truth is diag(sigma, 0): a Gaussian A is invariant under rotation, so its eigenvectors may be the
coordinate axes (derived), which keeps the rows of U outside the signal to full relative accuracy
at alpha = 1e-15.
"""

import math
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from matsense.errors import InvalidInput, nearest
from matsense.operators import Coordinates, Rows, gaussian, product, transposed_product
from matsense.problems.sensing import Noise, Sensing, Truth
from matsense.pytree import pytree

Law = Literal["gaussian", "constant", "rademacher", "student", "cauchy", "adversarial"]
LAWS: tuple[str, ...] = get_args(Law)
DEGREES = 3.0  # of freedom of the Student law: finite variance, infinite fourth moment
Scalar = float | Float[Array, ""]


@pytree
class Robust:
    """One instance with its noise s (m,). All sub-gradient methods see it through `look`."""

    sigma: Float[Array, " r"]
    operator: Rows
    noise: Float[Array, " m"]

    @property
    def d(self) -> int:
        """The size of the truth."""
        return self.operator.coordinates.shape[0]

    def gap(self, U: Float[Array, "d k"]) -> Float[Array, "d d"]:
        """Delta = U U^T - X*."""
        return gap(U, self.sigma)

    def residual(self, Delta: Float[Array, "d d"]) -> Float[Array, " m"]:
        """A(U U^T) - y as A(Delta) - s, which does not cancel near the truth."""
        return product(self.operator.rows, self.operator.coordinates.pack(Delta)) - self.noise

    def adjoint_mean(self, v: Float[Array, " m"]) -> Float[Array, "d d"]:
        """(1/m) sum_i v_i A_i, its symmetric part."""
        packed = transposed_product(self.operator.rows, v) / v.shape[0]
        return self.operator.coordinates.unpack(packed)

    def look(self, U: Float[Array, "d k"]) -> tuple[Float[Array, ""], Float[Array, "d d"]]:
        """The loss f(U) = ||y - A(U U^T)||_1 / m and Q = (1/m) sum_i sign(r_i) A_i, [ma2023]."""
        r = self.residual(self.gap(U))
        return jnp.mean(jnp.abs(r)), self.adjoint_mean(jnp.sign(r))

    @property
    def loss_at_truth(self) -> Float[Array, ""]:
        """f(X*) = ||s||_1 / m, which need not be the smallest loss."""
        return jnp.mean(jnp.abs(self.noise))

    @property
    def y(self) -> Float[Array, " m"]:
        """The measurements A(X*) + s; methods use `residual`, which does not cancel."""
        zero = jnp.zeros((self.d, 1))
        packed = self.operator.coordinates.pack(self.gap(zero))
        return self.noise - product(self.operator.rows, packed)

    @property
    def start_matrix(self) -> Float[Array, "d d"]:
        """C = (1/m) sum_i sign(y_i) A_i, symmetrised: Algorithm 2 of [ma2023], line 1."""
        return self.adjoint_mean(jnp.sign(self.y))

    @property
    def least_squares(self) -> Sensing:
        """The same instance under the loss ||A(U U^T) - y||^2 / m, as GD on the l2 loss sees it."""
        axes = jnp.eye(self.d, self.sigma.shape[0])
        energy = jnp.mean(self.noise**2)
        return Sensing(
            Truth(axes, self.sigma, axes),
            self.operator,
            Noise(self.adjoint_mean(self.noise), energy),
        )


@pytree
class Expected:
    """The expected loss over A and s (m -> infinity), for Gaussian outliers and dense noise.

    A residual is N(0, v) with v = ||Delta||_F^2 + nu^2, or v + scale^2 with probability p; hence
    f = sqrt(2/pi) ((1 - p) sqrt(v) + p sqrt(v + scale^2)) and Q, its gradient in Delta (derived;
    Thm 10 and 11 of [ma2023] give the same phi). p = nu = 0 is the expected loss of Thm 18.
    `start_matrix` is given: its own expectation would leave the residual block empty.
    """

    sigma: Float[Array, " r"]
    start_matrix: Float[Array, "d d"]
    p: Scalar = 0.0
    scale: Scalar = 0.0
    nu: Scalar = 0.0

    @property
    def d(self) -> int:
        """The size of the truth."""
        return self.start_matrix.shape[0]

    def gap(self, U: Float[Array, "d k"]) -> Float[Array, "d d"]:
        """Delta = U U^T - X*."""
        return gap(U, self.sigma)

    def look(self, U: Float[Array, "d k"]) -> tuple[Float[Array, ""], Float[Array, "d d"]]:
        """Expected f and Q at U."""
        Delta = self.gap(U)
        clean = jnp.sqrt(jnp.sum(Delta**2) + self.nu**2)
        wild = jnp.sqrt(clean**2 + self.scale**2)
        # At the truth itself Q is any element of the sub-differential: zero.
        slope = (1 - self.p) * _inverse(clean) + self.p * _inverse(wild)
        unit = math.sqrt(2 / math.pi)
        return unit * ((1 - self.p) * clean + self.p * wild), unit * slope * Delta

    @property
    def loss_at_truth(self) -> Scalar:
        """f(X*)."""
        nu, wild = jnp.abs(jnp.asarray(self.nu)), jnp.sqrt(self.nu**2 + self.scale**2)
        return math.sqrt(2 / math.pi) * ((1 - self.p) * nu + self.p * wild)


def _inverse(x: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1.0), 0.0)


def gap(U: Float[Array, "d k"], sigma: Float[Array, " r"]) -> Float[Array, "d d"]:
    """U U^T - diag(sigma, 0), entry by entry: the block E E^T is exact however small it is."""
    r = sigma.shape[0]
    return (U @ U.T).at[jnp.arange(r), jnp.arange(r)].add(-sigma)


@pytree
class Corruptible:
    """A truth, an operator, and all the dice that noise of any strength is made of.

    One draw serves every p, scale and nu, so that they can ride as lanes on common random numbers:
    measurement i is an outlier where dice_i < p.
    """

    sigma: Float[Array, " r"]
    operator: Rows
    dice: Float[Array, " m"]
    outliers: Float[Array, " m"]
    dense: Float[Array, " m"]

    def corrupted(self, p: Scalar, scale: Scalar, nu: Scalar) -> Robust:
        """s_i = scale * outlier_i with probability p, else 0 (Def. 8), plus N(0, nu^2) (Def. 9)."""
        s = jnp.where(self.dice < p, scale * self.outliers, 0.0) + nu * self.dense
        return Robust(self.sigma, self.operator, s)

    def expected(self, p: Scalar, scale: Scalar, nu: Scalar) -> Expected:
        """The expected loss, started from this instance's own C (Algorithm 2)."""
        start = self.corrupted(p, scale, nu).start_matrix
        return Expected(self.sigma, start, p, scale, nu)


def corruptible(
    key: PRNGKeyArray, d: int, sigma: Float[Array, " r"], m: int, law: str
) -> Corruptible:
    """Draws A (the symmetric parts of m Gaussian matrices) and the dice of its corruption.

    Outlier laws of unit scale: "gaussian" N(0, 1), "constant" 1 (not centred: the symmetry of A
    makes its sign irrelevant), "rademacher" +-1, "student" with 3 degrees of freedom, "cauchy".
    "adversarial" depends on A and is outside Def. 8: s_i = <A_i, X' - X*> with X' equal to X* on
    other axes, so that at scale 1 a share p of the measurements are those of the wrong matrix X'.
    Raises InvalidInput for an unknown law.
    """
    check_law(law)
    key_rows, key_dice, key_out, key_dense = jax.random.split(key, 4)
    operator, _ = gaussian(key_rows, m, Coordinates((d, d), True), "rows", jnp.zeros(m))
    assert isinstance(operator, Rows)
    if law == "adversarial":
        r = sigma.shape[0]
        wrong = jnp.zeros(d).at[:r].add(-sigma).at[d - r :].add(sigma)
        outliers = operator.rows @ operator.coordinates.pack(jnp.diag(wrong))
    else:
        outliers = _outliers(key_out, law, m)
    return Corruptible(
        sigma,
        operator,
        jax.random.uniform(key_dice, (m,)),
        outliers,
        jax.random.normal(key_dense, (m,)),
    )


def _outliers(key: PRNGKeyArray, law: str, m: int) -> Float[Array, " m"]:
    if law == "constant":
        return jnp.ones(m)
    if law == "rademacher":
        return jax.random.rademacher(key, (m,), dtype=float)
    if law == "student":
        return jax.random.t(key, DEGREES, (m,))
    if law == "cauchy":
        return jax.random.cauchy(key, (m,))
    return jax.random.normal(key, (m,))


def check_law(law: str) -> None:
    """Raises `InvalidInput` for an outlier law that there is not."""
    if law not in LAWS:
        raise InvalidInput(f"law = {law}", "there is no such outlier law", nearest(law, LAWS))
