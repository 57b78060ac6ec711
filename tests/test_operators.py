"""Measurement operators against their definition, written with loops over dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matsense.factors import LowRank
from matsense.operators import (
    CHUNK,
    Coordinates,
    Population,
    Rows,
    cheaper_form,
    gaussian,
    normal_matrix,
    transposed_product,
)


def low_rank(n1: int, n2: int, key: int = 0) -> LowRank:
    left, right = jax.random.split(jax.random.key(key))
    return LowRank(jax.random.normal(left, (n1, 2)), jax.random.normal(right, (n2, 2)))


def matrices(operator: Rows) -> np.ndarray:
    """The A_i as dense matrices, from the coordinates of the rows."""
    return np.asarray(jax.vmap(operator.coordinates.unpack)(operator.rows))


@pytest.mark.parametrize(("shape", "symmetric"), [((5, 4), False), ((5, 5), True)])
def test_coordinates_are_orthonormal(shape: tuple[int, int], symmetric: bool) -> None:
    coordinates = Coordinates(shape, symmetric)
    v, w = jax.random.normal(jax.random.key(1), (2, coordinates.size))
    V, W = coordinates.unpack(v), coordinates.unpack(w)
    np.testing.assert_allclose(coordinates.pack(V), v, rtol=1e-14)
    np.testing.assert_allclose(jnp.sum(V * W), v @ w, rtol=1e-12)
    if symmetric:
        np.testing.assert_array_equal(V, V.T)


@pytest.mark.parametrize(("shape", "symmetric"), [((6, 4), False), ((5, 5), True)])
def test_both_forms_equal_the_definition(shape: tuple[int, int], symmetric: bool) -> None:
    m = CHUNK + 3
    key, M = jax.random.key(2), low_rank(*shape)
    noise = jax.random.normal(jax.random.key(3), (m,))
    coordinates = Coordinates(shape, symmetric)
    rows, back_rows = gaussian(key, m, coordinates, "rows", noise)
    gram, back_gram = gaussian(key, m, coordinates, "gram", noise)
    assert isinstance(rows, Rows)
    A, dense = matrices(rows), np.asarray(M.dense())
    measured = np.array([np.sum(A_i * dense) for A_i in A]) / np.sqrt(m)
    adjoint = sum(y * A_i for y, A_i in zip(measured, A, strict=True)) / np.sqrt(m)
    np.testing.assert_allclose(rows.apply(M), measured, rtol=1e-12)
    np.testing.assert_allclose(rows.normal(M), adjoint, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gram.normal(M), adjoint, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose([rows.energy(M), gram.energy(M)], np.sum(measured**2), rtol=1e-11)
    back = sum(x * A_i for x, A_i in zip(noise, A, strict=True)) / np.sqrt(m)
    np.testing.assert_allclose(back_rows, back, atol=1e-12)
    np.testing.assert_allclose(back_gram, back, atol=1e-12)
    np.testing.assert_allclose(normal_matrix(rows), normal_matrix(gram), atol=1e-12)


def test_adjoint_is_the_transpose_of_apply() -> None:
    operator, _ = gaussian(jax.random.key(4), 30, Coordinates((4, 3)), "rows", jnp.zeros(30))
    assert isinstance(operator, Rows)
    M, v = low_rank(4, 3), jax.random.normal(jax.random.key(5), (30,))
    left = operator.apply(M) @ v
    np.testing.assert_allclose(left, jnp.sum(M.dense() * operator.adjoint(v)), rtol=1e-12)


def test_symmetric_coordinates_see_the_law_of_generic_matrices() -> None:
    """<A_i, M> for symmetric M has variance ||M||_F^2, packed or not.

    4000 draws: the variance's relative standard deviation is sqrt(2 / 4000) = 0.022; the bound is
    5 of them, a false alarm in 6e-7 of all seeds.
    """
    x = jax.random.normal(jax.random.key(6), (6, 1))
    M = LowRank(x, x)
    for coordinates in (Coordinates((6, 6)), Coordinates((6, 6), symmetric=True)):
        operator, _ = gaussian(jax.random.key(7), 4000, coordinates, "rows", jnp.zeros(4000))
        assert abs(float(operator.energy(M) / jnp.sum(M.dense() ** 2)) - 1) < 0.11


def test_rows_do_not_depend_on_how_many_there_are() -> None:
    few, _ = gaussian(jax.random.key(8), 5, Coordinates((3, 3)), "rows", jnp.zeros(5))
    many, _ = gaussian(jax.random.key(8), 600, Coordinates((3, 3)), "rows", jnp.zeros(600))
    assert isinstance(few, Rows)
    assert isinstance(many, Rows)
    np.testing.assert_array_equal(few.rows, many.rows[:5])


def test_antisymmetric_part_is_invisible_to_symmetric_matrices() -> None:
    operator, _ = gaussian(jax.random.key(9), 40, Coordinates((4, 4), True), "gram", jnp.zeros(40))
    B = low_rank(4, 4)
    antisymmetric = LowRank(
        jnp.concatenate([B.left, -B.right], axis=1), jnp.concatenate([B.right, B.left], axis=1)
    )
    assert float(jnp.sum(antisymmetric.dense() ** 2)) > 1
    np.testing.assert_allclose(operator.normal(antisymmetric), 0.0, atol=1e-13)


def test_population_never_forms_a_matrix() -> None:
    M = low_rank(5, 4)
    assert Population((5, 4)).normal(M) is M
    np.testing.assert_allclose(Population((5, 4)).energy(M), jnp.sum(M.dense() ** 2))
    assert normal_matrix(Population((5, 4))) is None


@pytest.mark.parametrize(
    ("m", "p", "uses", "form"),
    [(1250, 1275, 10**6, "gram"), (500, 1275, 10**6, "rows"), (1250, 1275, 10, "rows")],
)
def test_cheaper_form_counts_operations(m: int, p: int, uses: int, form: str) -> None:
    assert cheaper_form(m, p, uses) == form
    rows, gram = uses * 4 * m * p, 2 * m * p**2 + uses * 2 * p**2
    assert (gram < rows) == (form == "gram")


def test_transposed_products_of_lanes_and_of_instances() -> None:
    """Every way in which `vmap` may batch them gives the products in a loop."""
    rng = np.random.default_rng(0)
    matrices, vectors = rng.standard_normal((3, 7, 5)), rng.standard_normal((3, 4, 7))
    A, V = jnp.asarray(matrices), jnp.asarray(vectors)
    each = np.array([[v @ a for v in vs] for a, vs in zip(matrices, vectors, strict=True)])
    lanes = jax.vmap(transposed_product, in_axes=(None, 0))
    np.testing.assert_allclose(lanes(A[0], V[0]), each[0], rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(lanes)(A, V), each, rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(transposed_product)(A, V[:, 0]), each[:, 0], rtol=1e-12)
    shared = jax.vmap(transposed_product, in_axes=(0, None))(A, V[0, 0])
    np.testing.assert_allclose(shared, [vectors[0, 0] @ a for a in matrices], rtol=1e-12)
