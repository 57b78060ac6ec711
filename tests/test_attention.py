"""Softmax attention: the gradient against exact arithmetic, the methods against plain loops."""

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from matsense.loops import linear_ticks, run
from matsense.problems import attention
from matsense.problems.attention import Attention
from matsense.problems.losses import LOSSES
from matsense.references.attention import svm
from matsense.solvers.attention.autodiff import attention_autodiff
from matsense.solvers.attention.gd import attention_gd
from matsense.solvers.attention.key_query import attention_kq_gd, attention_kq_ngd
from matsense.solvers.attention.ngd import attention_ngd
from matsense.solvers.attention.polyak import attention_polyak

N, T, D = 3, 4, 5


def instance(seed: int = 0, **kinds: Any) -> Attention:
    return attention.draw(jax.random.key(seed), N, T, D, **kinds)


def scaled_to_gap(problem: Attention, gap: float, seed: int = 9) -> jax.Array:
    """A W at which the largest distance of a logit from its input's largest one is `gap`."""
    W = jax.random.normal(jax.random.key(seed), (D, D))
    h = np.asarray(problem.logits(W))
    return W * (gap / (h.max(axis=1, keepdims=True) - h).max())


BY_HAND: dict[str, Any] = {
    "logistic": (lambda f: mpmath.log(1 + mpmath.exp(-f)), lambda f: -1 / (1 + mpmath.exp(f))),
    "exponential": (lambda f: mpmath.exp(-f), lambda f: -mpmath.exp(-f)),
    "correlation": (lambda f: -f, lambda f: -mpmath.mpf(1)),
}


def exact(problem: Attention, W: jax.Array, gap: float) -> tuple[list[list[Any]], Any]:
    """dL/dW and L - inf L by the textbook softmax and the loss written out, to 60 digits.

    The textbook form loses gap / ln 10 digits to cancellation, so it gets as many more.
    """
    mpmath.mp.dps = 60 + int(gap / 2.3) + 10
    mp = mpmath.mpf
    X, z, V = (np.vectorize(mp, otypes=[object])(np.asarray(a)) for a in (problem.X, problem.z, W))
    scores = np.vectorize(mp, otypes=[object])(np.asarray(problem.scores))
    G, excess = np.full((D, D), mp(0)), mp(0)
    for i in range(N):
        e = [mpmath.exp(x) for x in X[i] @ V @ z[i]]
        s = np.array([x / sum(e) for x in e])
        f = s @ scores[i]
        value, slope = BY_HAND[problem.loss]
        G = G + slope(f) * np.outer((s * (scores[i] - f)) @ X[i], z[i]) / N
        excess += (value(f) - value(max(scores[i]))) / N
    return G.tolist(), excess


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("gap", [1.0, 30.0, 100.0, 1000.0])
def test_gradient_agrees_with_sixty_digits_at_any_saturation(gap: float, loss: str) -> None:
    problem = instance(loss=loss)
    W = scaled_to_gap(problem, gap)
    G, _ = exact(problem, W, gap)
    slope = problem.gradient(W)
    scale = mpmath.exp(mpmath.mpf(float(slope.log_scale)))
    error = norm = mpmath.mpf(0)
    for mine, true in zip(np.asarray(slope.direction).ravel(), np.ravel(G), strict=True):
        error += (mpmath.mpf(float(mine)) * scale - true) ** 2
        norm += true**2
    assert mpmath.sqrt(error / norm) < 1e-12


def test_automatic_differentiation_fails_where_the_gradient_holds() -> None:
    """The reason for the formula: at a gap of 100 between all tokens autograd is pure rounding."""
    problem = instance()
    W = scaled_to_gap(problem, 1.0)
    while float(problem.gradient(W).log_scale) > -60.0:
        W = 1.5 * W

    def loss(W: jax.Array) -> jax.Array:
        s = jax.nn.softmax(problem.logits(W), axis=1)
        return jnp.mean(jax.nn.softplus(-jnp.sum(s * problem.scores, axis=1)))

    slope = problem.gradient(W)
    true = np.asarray(jnp.exp(slope.log_scale) * slope.direction)
    assert np.linalg.norm(np.asarray(jax.grad(loss)(W)) - true) > 0.5 * np.linalg.norm(true)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("gap", [1.0, 30.0, 100.0, 1000.0])
def test_polyaks_length_agrees_with_sixty_digits_at_any_saturation(gap: float, loss: str) -> None:
    """Saturated at the best tokens, all margins `gap` or more: exp(-1000) is no double."""
    problem = instance(loss=loss)
    best = np.asarray(problem.best)
    W = gap * jnp.asarray(svm.frobenius(np.asarray(problem.X), np.asarray(problem.z), best).W)
    h = np.asarray(problem.logits(W))
    G, excess = exact(problem, W, 3 * np.ptp(h))
    norm = mpmath.sqrt(sum(x**2 for x in np.ravel(G)))
    assert np.isclose(float(problem.excess_over_slope(W)), float(excess / norm), rtol=1e-12)
    step = np.asarray(attention_polyak(problem, 1e3).step(jnp.array(0), W) - W)
    assert np.isclose(np.linalg.norm(step), float(excess / norm), rtol=1e-8)


def test_polyaks_step_is_its_longest_where_a_token_is_not_the_best() -> None:
    problem = instance()
    worst = np.asarray(jnp.argmin(problem.scores, axis=1))
    W = 1e3 * jnp.asarray(svm.frobenius(np.asarray(problem.X), np.asarray(problem.z), worst).W)
    assert np.isinf(float(problem.excess_over_slope(W)))
    step = np.asarray(attention_polyak(problem, 7.0).step(jnp.array(0), W) - W)
    assert np.isclose(np.linalg.norm(step), 7.0)


@pytest.mark.parametrize("gap", [1.0, 30.0])
def test_excess_agrees_with_sixty_digits(gap: float) -> None:
    problem = instance(1)
    # Saturated at the best tokens, where a difference of losses would cancel.
    W = jnp.zeros((D, D))
    solver = attention_ngd(problem, 0.1)
    W = run(solver, W, linear_ticks(int(40 * gap), 50), lambda W: {})[0]
    assert np.isclose(float(problem.excess(W)), float(exact(problem, W, 200)[1]), rtol=1e-11)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("head", ["linear", "relu"])
def test_gradient_is_the_derivative_where_nothing_saturates(loss: str, head: Any) -> None:
    problem = instance(2, loss=loss, head=head)

    def objective(W: jax.Array) -> jax.Array:
        s = jax.nn.softmax(problem.logits(W), axis=1)
        a = jnp.einsum("it,itd->id", s, problem.X)
        f = problem.Y * jnp.sum(jnp.maximum(a, 0.0), axis=1)
        if head == "linear":
            f = jnp.sum(s * problem.scores, axis=1)
        return jnp.mean(LOSSES[loss].value(f))

    W = scaled_to_gap(problem, 3.0)
    slope = problem.gradient(W)
    mine = jnp.exp(slope.log_scale) * slope.direction
    np.testing.assert_allclose(mine, jax.grad(objective)(W), rtol=1e-10, atol=1e-14)


def test_tokens_that_score_equally_do_not_drown_the_rest() -> None:
    """Equal scores are equal to the last bit, and a dead input leaves the others their gradient."""
    problem = instance(3, equal=True)
    scores = np.asarray(problem.scores)
    others = np.arange(T) != scores.argmax(axis=1)[:, None]
    assert all(len(set(row[mask])) == 1 for row, mask in zip(scores, others, strict=True))
    gain = float(np.abs(scores).max()) * np.asarray(problem.Y)
    assert gain.shape == (N,)
    for norm in (1.0, 1e3, 1e6):
        slope = problem.gradient(scaled_to_gap(problem, norm))
        assert np.isfinite(np.asarray(slope.direction)).all()
        assert 1e-6 < float(jnp.linalg.norm(slope.direction)) < 10


def test_labels_moved_on_change_the_sign_of_scores() -> None:
    problem = instance(4)
    moved = attention.permuted(problem)
    np.testing.assert_array_equal(moved.Y, np.roll(problem.Y, 1))
    np.testing.assert_allclose(moved.scores * moved.Y[:, None], problem.scores * problem.Y[:, None])


def test_an_input_is_left_out_and_the_others_stay_as_they_are() -> None:
    problem = instance(loss="exponential")
    for left in range(N):
        others = attention.without(problem, left)
        kept = sorted(set(range(N)) - {left})
        order = [(left + 1 + i) % N for i in range(N - 1)]
        assert sorted(order) == kept and others.loss == "exponential"
        for name in ("X", "z", "Y", "scores"):
            whole, part = (np.asarray(getattr(p, name)) for p in (problem, others))
            np.testing.assert_array_equal(part, whole[order])


def test_choices_are_best_with_their_probability_and_uniform_otherwise() -> None:
    problem = instance()
    keys = jax.random.split(jax.random.key(3), 4000)
    chosen = {
        share: np.asarray(
            jax.vmap(lambda key, share=share: attention.random_choice(problem, key, share))(keys)
        )
        for share in (0.0, 0.7, 1.0)
    }
    best = np.asarray(problem.best)
    assert (chosen[1.0] == best).all()
    for share in (0.0, 0.7):
        kept = (chosen[share] == best).mean()
        assert abs(kept - (share + (1 - share) / T)) < 4 * 0.5 / np.sqrt(4000 * N)
    counts = [(chosen[0.0] == token).mean() for token in range(T)]
    np.testing.assert_allclose(counts, 1 / T, atol=4 * 0.5 / np.sqrt(4000 * N))


def test_generator_has_the_authors_distributions() -> None:
    """Unit tokens and queries; self-attention queries are first tokens; Gaussian norms near 1."""
    problem = attention.draw(jax.random.key(5), 40, 30, 20)
    np.testing.assert_allclose(jnp.linalg.norm(problem.X, axis=2), 1.0, rtol=1e-12)
    np.testing.assert_allclose(jnp.linalg.norm(problem.z, axis=1), 1.0, rtol=1e-12)
    # 1200 scores v . x, each of variance 1/20: 5 standard errors of their mean square.
    assert abs(20 * float(jnp.mean(problem.scores**2)) - 1) < 5 * np.sqrt(2 / 1200)
    own = attention.draw(jax.random.key(5), 4, 3, 6, queries="self")
    np.testing.assert_array_equal(own.z, own.X[:, 0])
    loose = attention.draw(jax.random.key(5), 40, 30, 20, tokens="gaussian")
    assert abs(float(jnp.mean(jnp.sum(loose.X**2, axis=2))) - 1) < 5 * np.sqrt(2 / 24000)


def textbook(problem: Attention, W: np.ndarray) -> np.ndarray:
    """dL/dW by loops and the plain softmax, logistic loss."""
    X, z, scores = (np.asarray(a) for a in (problem.X, problem.z, problem.scores))
    G = np.zeros((D, D))
    for i in range(N):
        e = np.exp(X[i] @ W @ z[i])
        s = e / e.sum()
        f = s @ scores[i]
        G += -1 / (1 + np.exp(f)) * np.outer((s * (scores[i] - f)) @ X[i], z[i]) / N
    return G


def test_methods_are_their_textbook_updates() -> None:
    problem = instance(6)
    W = V = P = np.zeros((D, D))
    K = K0 = np.asarray(jax.random.normal(jax.random.key(7), (D, 3)))
    Q = Q0 = np.asarray(jax.random.normal(jax.random.key(8), (D, 3)))
    A, B = K0, Q0
    top = np.logaddexp(0, -np.asarray(problem.scores).max(axis=1)).mean()
    for t in range(25):
        W = W - 0.5 * textbook(problem, W)
        G = textbook(problem, V)
        V = V - 0.1 * (1 + t) ** -0.5 * G / np.linalg.norm(G)
        s = [np.exp(np.asarray(problem.X[i]) @ P @ np.asarray(problem.z[i])) for i in range(N)]
        f = [s[i] @ np.asarray(problem.scores[i]) / s[i].sum() for i in range(N)]
        H = textbook(problem, P)
        length = (np.logaddexp(0, -np.array(f)).mean() - top) / np.linalg.norm(H)
        P = P - min(length, 0.3) * H / np.linalg.norm(H)
        G = textbook(problem, K @ Q.T)
        K, Q = K - 0.5 * G @ Q, Q - 0.5 * G.T @ K
        G = textbook(problem, A @ B.T)
        norm = np.sqrt(np.sum((G @ B) ** 2) + np.sum((G.T @ A) ** 2))
        A, B = A - 0.1 * G @ B / norm, B - 0.1 * G.T @ A / norm
    zero, ticks = jnp.zeros((D, D)), linear_ticks(25, 10)
    for solver, expected in (
        (attention_gd(problem, 0.5), W),
        (attention_ngd(problem, 0.1, 0.5), V),
        (attention_polyak(problem, 0.3), P),
    ):
        final = run(solver, zero, ticks, lambda W: {})[0]
        np.testing.assert_allclose(final, expected, rtol=1e-9, atol=1e-12)
    for solver, expected in (
        (attention_kq_gd(problem, 0.5), (K, Q)),
        (attention_kq_ngd(problem, 0.1), (A, B)),
    ):
        start = solver.init(jnp.asarray(K0), jnp.asarray(Q0))
        final = run(solver, start, ticks, lambda state: {})[0]
        for mine, true in zip(final, expected, strict=True):
            np.testing.assert_allclose(mine, true, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "near", "far"), [("float64", 20.0, 60.0), ("float32", 8.0, 30.0)]
)
def test_a_gradient_that_cancels_moves_as_ngd_does_until_the_logits_lie_too_far_apart(
    dtype: str, near: float, far: float
) -> None:
    """By automatic differentiation: 1 - 1 is formed from 36.7 on in double precision, 16.6."""
    problem = jax.tree.map(lambda leaf: leaf.astype(dtype), instance())
    eta = jnp.asarray(0.1, dtype)
    W = problem.zero + scaled_to_gap(instance(), 1.0).astype(dtype)
    for least, agrees in ((near, True), (far, False)):
        while float(problem.gradient(1.5 * W).log_scale) > -least:
            W = 1.5 * W
        W = W if agrees else 1.5 * W
        ours, theirs = (
            solver(problem, eta).step(jnp.array(0), W)
            for solver in (attention_ngd, attention_autodiff)
        )
        apart = float(jnp.linalg.norm(ours - theirs)) / 0.1
        assert apart < 0.05 if agrees else apart > 0.5, apart


def test_ngd_moves_by_eta_at_any_norm() -> None:
    problem = instance(10)
    step = attention_ngd(problem, 0.1).step
    for gap in (1.0, 1e3, 1e6):
        W = scaled_to_gap(problem, gap)
        moved = np.linalg.norm(np.asarray(step(jnp.array(5), W) - W))
        assert np.isclose(moved, 0.1, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_chords_are_differences_over_distances(name: str) -> None:
    loss, f = LOSSES[name], jnp.array([-2.0, 0.3, 4.0])
    for delta in (-1.5, -0.1, 0.7):
        step = jnp.full(3, delta)
        rise = (loss.value(f + step) - loss.value(f)) / step
        np.testing.assert_allclose(loss.chord(f, step), rise, rtol=1e-12)
    for delta in (0.0, -1e-300, 1e-18):
        np.testing.assert_allclose(loss.chord(f, jnp.full(3, delta)), loss.slope(f), rtol=1e-12)
    assert (loss.slope(jnp.linspace(-10.0, 10.0, 401)) < 0).all()  # what the theory supposes
