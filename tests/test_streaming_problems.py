"""Streams: the prescribed spectrum, heavy rows, carriers of v1, and orders of arrival."""

import typing

import jax
import numpy as np
import pytest

from matsense.problems.streaming import (
    Order,
    arrival,
    confined,
    draw,
    heavy_tailed,
    jumping,
    signed,
    spectrum,
    with_truth,
)

N, D, R = 400, 10, 6.0


def test_light_rows_have_exactly_the_prescribed_spectrum() -> None:
    for tail in ("flat", "decaying"):
        instance = draw(jax.random.key(0), N, D, R, tail=tail)
        values = np.linalg.svd(np.asarray(instance.rows), compute_uv=False) ** 2
        np.testing.assert_allclose(values, spectrum(R, D, tail), rtol=1e-12)
        np.testing.assert_allclose(instance.gap, R, rtol=1e-12)


def test_the_truth_is_that_of_the_finite_matrix() -> None:
    instance = draw(jax.random.key(1), N, D, R, h=4, share=0.7)
    _, sigma, Vt = np.linalg.svd(np.asarray(instance.rows))
    np.testing.assert_allclose(instance.gap, (sigma[0] / sigma[1]) ** 2, rtol=1e-12)
    np.testing.assert_allclose(abs(Vt[0] @ instance.v1), 1.0, rtol=1e-12)
    assert float(instance.gap) == pytest.approx(R, rel=0.15)


def test_heavy_rows_hold_their_share_of_the_energy() -> None:
    instance = draw(jax.random.key(2), N, D, R, h=4, share=0.7, order="descending")
    along = np.asarray(instance.rows @ instance.v1) ** 2
    assert along[:4].sum() / along.sum() == pytest.approx(0.7, abs=0.05)


def test_only_carriers_have_a_component_along_v1() -> None:
    instance = draw(jax.random.key(3), N, D, R, carriers=0.5, order="energy")
    along = np.asarray(instance.rows @ instance.v1) ** 2
    assert along[N // 2 :].max() < 1e-25 < along[N // 2 - 1]
    np.testing.assert_allclose(instance.gap, R, rtol=1e-12)


@pytest.mark.parametrize("order", typing.get_args(Order))
def test_an_order_is_a_permutation_of_the_same_rows(order: Order) -> None:
    instance = draw(jax.random.key(4), N, D, R, order="given")
    index = np.asarray(arrival(jax.random.key(5), instance, order, pieces=20))
    np.testing.assert_array_equal(np.sort(index), np.arange(N))
    rows = np.asarray(instance.rows)[index]
    norm2, along = (rows**2).sum(axis=1), rows @ np.asarray(instance.v1)
    if order in ("ascending", "descending"):
        assert (np.diff(norm2) * (1 if order == "ascending" else -1) >= 0).all()
    elif order == "energy":
        assert (np.diff(along**2) <= 0).all()
    elif order == "blocks":
        assert (np.diff(along**2) <= 0).reshape(-1)[:19].all()
        assert not (np.diff(along**2) <= 0).all()
    elif order == "random":
        assert not np.array_equal(index, np.arange(N))


def test_signed_rows_have_equal_cross_terms_of_one_sign_in_each_half() -> None:
    instance = signed(jax.random.key(6), N, D, 9.0, "signs")
    values, vectors = np.linalg.eigh(np.asarray(instance.rows.T @ instance.rows))
    assert values[-2] / values[-3] > 1.5
    cross = np.asarray(instance.rows) @ vectors[:, [-1, -2]]
    product = cross[:, 0] * cross[:, 1]
    assert (np.sign(product[: N // 2]) == -1).all() and (np.sign(product[N // 2 :]) == 1).all()
    assert float(instance.gap) == pytest.approx(9.0, rel=0.1)


def test_a_matrix_of_one_s_own_has_its_truth() -> None:
    rows = jax.random.normal(jax.random.key(7), (50, 4))
    instance = with_truth(rows)
    sigma = np.linalg.svd(np.asarray(rows), compute_uv=False)
    np.testing.assert_allclose(instance.lambda2, sigma[1] ** 2, rtol=1e-12)
    np.testing.assert_allclose(instance.sin2(instance.v1[:, None]), 0.0, atol=1e-28)


def test_a_confined_tail_is_the_smaller_stream() -> None:
    key = jax.random.key(0)
    wide, narrow = confined(key, 200, 30, 5.0, 10), draw(key, 200, 10, 5.0)
    np.testing.assert_array_equal(wide.rows[:, :10], narrow.rows)
    np.testing.assert_array_equal(wide.rows[:, 10:], 0.0)
    np.testing.assert_allclose(np.linalg.norm(wide.rows @ wide.v1) ** 2, 5.0, rtol=1e-10)
    np.testing.assert_array_equal(confined(key, 200, 10, 5.0, 0).rows, narrow.rows)


def test_heavy_tailed_rows_have_their_index() -> None:
    """Half of the norms are beyond 2^(1/index) times those of Gaussian rows: here of many columns,
    whose norms hardly vary.
    """
    norms = np.linalg.norm(np.asarray(heavy_tailed(jax.random.key(8), 4000, 400).rows), axis=1)
    for share in (0.5, 0.05):
        scale = np.quantile(norms / 20, 1 - share)
        assert scale == pytest.approx(share ** (-1 / 1.5), rel=0.15)


def test_jumping_rows_change_their_direction() -> None:
    instance = jumping(jax.random.key(9), N, D, R)
    halves = [with_truth(rows) for rows in (instance.rows[: N // 2], instance.rows[N // 2 :])]
    np.testing.assert_allclose([half.gap for half in halves], [R, 2 * R], rtol=1e-10)
    assert abs(float(halves[0].v1 @ halves[1].v1)) < 0.9
