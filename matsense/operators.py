"""Linear measurement operators A on matrices, and the normal map A*A that gradient methods use.

Normalisation as in [xiong2024] (recalled): A(M)_i = <A_i, M> / sqrt(m) with A_i of i.i.d. N(0, 1)
entries, adjoint A*(v) = sum_i v_i A_i / sqrt(m), so that A*A has expectation the identity.
"Population" means A*A = identity.

Matrices of an operator may be kept in float32 (`cast`) while everything else stays in float64: half
the bytes, twice the flops a second. The rounding of A changes the instance by 6e-8 of itself, once;
the rounding of each product is relative to the residual, so it shrinks with it and the method
converges as before (derived: the floor of float32 is never added, only multiplied).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.lax import optimization_barrier
from jaxtyping import Array, Float, PRNGKeyArray

from matsense.factors import LowRank
from matsense.struct import pytree, static

Form = Literal["rows", "gram"]
# Rows are drawn in pieces of this many, so that building a Gram matrix never holds all of A.
CHUNK = 256


@pytree
class Coordinates:
    """An orthonormal coordinate system of the matrices that an operator can see.

    All n1-by-n2 matrices (dimension n1 n2), or with `symmetric` only the symmetric ones (dimension
    n (n + 1) / 2, off-diagonal entries scaled by sqrt 2, so inner products are preserved). Packing
    drops the antisymmetric part: a symmetric A_i cannot see it.
    """

    shape: tuple[int, int] = static()
    symmetric: bool = static(default=False)

    @property
    def size(self) -> int:
        """The dimension p of the space."""
        n1, n2 = self.shape
        return n1 * (n1 + 1) // 2 if self.symmetric else n1 * n2

    def pack(self, M: Float[Array, "n1 n2"]) -> Float[Array, " p"]:
        """Coordinates of M (of its symmetric part, with `symmetric`)."""
        if not self.symmetric:
            return M.reshape(-1)
        i, j = np.triu_indices(self.shape[0])
        flat, n = M.reshape(-1), self.shape[0]
        return jnp.where(i == j, 0.5, np.sqrt(0.5)) * (flat[i * n + j] + flat[j * n + i])

    def unpack(self, v: Float[Array, " p"]) -> Float[Array, "n1 n2"]:
        """The matrix with these coordinates."""
        n1, n2 = self.shape
        if not self.symmetric:
            return v.reshape(n1, n2)
        i, j = np.triu_indices(n1)
        place = np.zeros((n1, n1), dtype=np.int32)
        place[i, j] = place[j, i] = np.arange(self.size)
        scale: np.ndarray = np.where(np.eye(n1, dtype=bool), 1.0, np.sqrt(0.5))
        return jnp.asarray(scale) * v[place.reshape(-1)].reshape(n1, n1)


@pytree
class Population:
    """A*A = identity: infinitely many measurements. Factored matrices stay factored."""

    shape: tuple[int, int] = static()

    def normal(self, M: LowRank) -> LowRank:
        """A*A(M) = M."""
        return M

    def energy(self, M: LowRank) -> Float[Array, ""]:
        """||A(M)||^2 = ||M||_F^2."""
        return jnp.sum(M.dense() ** 2)


@pytree
class Rows:
    """A by its m rows of coordinates: apply, then adjoint; 4 m p operations for A*A."""

    rows: Float[Array, "m p"]
    coordinates: Coordinates

    def apply(self, M: LowRank) -> Float[Array, " m"]:
        """A(M), the m noiseless measurements."""
        return product(self.rows, self.coordinates.pack(M.dense())) / np.sqrt(self.rows.shape[0])

    def adjoint(self, v: Float[Array, " m"]) -> Float[Array, "n1 n2"]:
        """A*(v), projected on the space of the coordinates (the symmetric part of sum v_i A_i)."""
        return self.coordinates.unpack(transposed_product(self.rows, v)) / np.sqrt(
            self.rows.shape[0]
        )

    def normal(self, M: LowRank) -> Float[Array, "n1 n2"]:
        """A*A(M)."""
        return self.adjoint(self.apply(M))

    def energy(self, M: LowRank) -> Float[Array, ""]:
        """||A(M)||^2."""
        return jnp.sum(self.apply(M) ** 2)


@pytree
class Gram:
    """A*A by its p-by-p matrix in coordinates: 2 p^2 operations, whatever m."""

    gram: Float[Array, "p p"]
    coordinates: Coordinates

    def normal(self, M: LowRank) -> Float[Array, "n1 n2"]:
        """A*A(M)."""
        return self.coordinates.unpack(product(self.gram, self.coordinates.pack(M.dense())))

    def energy(self, M: LowRank) -> Float[Array, ""]:
        """||A(M)||^2 = <M, A*A(M)>."""
        v = self.coordinates.pack(M.dense())
        return v @ product(self.gram, v)


def product(matrix: Float[Array, "a b"], v: Float[Array, " b"]) -> Float[Array, " a"]:
    """matrix @ v at the precision of the matrix, returned at that of v.

    A narrower matrix sees v divided by its largest entry, so that residuals of any size (1e-14 and
    below) keep their relative accuracy in float32.
    """
    return _at_precision_of(matrix, v, lambda v: matrix @ v)


def transposed_product(matrix: Float[Array, "a b"], v: Float[Array, " a"]) -> Float[Array, " b"]:
    """matrix.T @ v, as `product` does it."""
    multiply = custom_vmap(jnp.matmul)
    multiply.def_vmap(_lanes_in_rows)
    return _at_precision_of(matrix, v, lambda v: multiply(v, matrix))


def _at_precision_of(
    matrix: Float[Array, "a b"], v: Array, multiply: Callable[[Array], Array]
) -> Array:
    if matrix.dtype == v.dtype:
        # Without barriers XLA on a CPU fuses the product of many lanes with its neighbours into a
        # loop that takes 2 to 3 times as long.
        return optimization_barrier(multiply(optimization_barrier(v)))
    largest = jnp.max(jnp.abs(v))
    scale = jnp.where(largest > 0, largest, 1.0)
    return multiply((v / scale).astype(matrix.dtype)).astype(v.dtype) * scale


def _lanes_in_rows(
    count: int, batched: Sequence[bool], v: Array, matrix: Array
) -> tuple[Array, bool]:
    """v @ matrix for many v: as rows of an array in memory, if they share the matrix.

    Otherwise XLA on a CPU would read the matrix down its columns, which takes up to 3 times as long
    (and 8 for one v); a transposed copy of the matrix would save another third but double it.
    """
    if batched[1]:
        return jax.vmap(jnp.matmul, in_axes=(0 if batched[0] else None, 0))(v, matrix), True
    return optimization_barrier(v) @ matrix, True


def cast(instance: Any, dtype: Any) -> Any:
    """The instance (any pytree) with the matrices of its operators in `dtype`; the rest as it was.

    An instance without a dense operator is returned unchanged.
    """

    def one(node: Any) -> Any:
        is_operator = isinstance(node, Rows | Gram)
        return jax.tree.map(lambda leaf: leaf.astype(dtype), node) if is_operator else node

    return jax.tree.map(one, instance, is_leaf=lambda node: isinstance(node, Rows | Gram))


def normal_matrix(operator: Population | Rows | Gram) -> np.ndarray | None:
    """The p-by-p matrix of A*A in the operator's coordinates; None for the identity."""
    if isinstance(operator, Population):
        return None
    if isinstance(operator, Gram):
        return np.asarray(operator.gram, dtype=float)
    rows = np.asarray(operator.rows, dtype=float)
    return rows.T @ rows / len(rows)


def cheaper_form(m: int, p: int, uses: int) -> Form:
    """The form of A*A that costs fewer operations over `uses` applications to one instance.

    Rows: 4 m p an application. Gram: 2 m p^2 once, then 2 p^2 an application.
    """
    return "gram" if 2 * m * p**2 + uses * 2 * p**2 < uses * 4 * m * p else "rows"


def gaussian(
    key: PRNGKeyArray, m: int, coordinates: Coordinates, form: Form, noise: Float[Array, " m"]
) -> tuple[Rows | Gram, Float[Array, "n1 n2"]]:
    """A Gaussian operator in the wanted form, and A*(noise) for its measurement noise.

    In orthonormal coordinates the i.i.d. N(0, 1) entries of A_i (or of its symmetric part, which
    is all that a symmetric method sees) are again i.i.d. N(0, 1), so rows are drawn in coordinates
    (derived: rotation invariance). Row i is the same for every m and for both forms.
    """
    p = coordinates.size
    pieces = -(-m // CHUNK)

    def piece(c: Array) -> Float[Array, "chunk p"]:
        rows = jax.random.normal(jax.random.fold_in(key, c), (CHUNK, p))
        return jnp.where((c * CHUNK + jnp.arange(CHUNK) < m)[:, None], rows, 0.0)

    if form == "rows":
        rows = jax.lax.map(piece, jnp.arange(pieces)).reshape(pieces * CHUNK, p)[:m]
        operator = Rows(rows, coordinates)
        return operator, operator.adjoint(noise)

    padded = jnp.zeros(pieces * CHUNK).at[:m].set(noise).reshape(pieces, CHUNK)

    def add(c: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        rows = piece(c)
        return sums[0] + rows.T @ rows, sums[1] + padded[c] @ rows

    gram, back = jax.lax.fori_loop(0, pieces, add, (jnp.zeros((p, p)), jnp.zeros(p)))
    return Gram(gram / m, coordinates), coordinates.unpack(back) / np.sqrt(m)
