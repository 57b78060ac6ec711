"""Problems and trials of `attention_svm`: what is run, one lane of one instance at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from matsense.loops import log_ticks, run
from matsense.problems import attention
from matsense.problems.attention import Attention
from matsense.problems.losses import LOSSES
from matsense.solver import Solver
from matsense.solvers.attention.gd import attention_gd
from matsense.solvers.attention.key_query import KeyQuery, attention_kq_gd, attention_kq_ngd
from matsense.solvers.attention.max_margin import margins, max_margin_ngd
from matsense.solvers.attention.ngd import attention_ngd, unit
from matsense.solvers.attention.paths import into_ball, path_kq, path_w, relative_gap
from matsense.solvers.attention.polyak import attention_polyak

Quantities = dict[str, Array]

PER_DECADE = 12
# Steps of NGD towards a token choice: its direction is then known to about 1e-2 radians.
WARM_UP = 1000
# ||W|| and directions at each, of the W that `landscape_trial` samples: the softmax is nearly
# uniform at the first norm, and one token's mass beyond the range of doubles at the last.
NORMS = (0.01, 1.0, 10.0, 100.0, 1e3, 1e4)
SAMPLES = 16


def problem(
    key: PRNGKeyArray,
    n: int,
    T: int,
    d: int,
    tokens: Any = "sphere",
    queries: Any = "cross",
    loss: str = "logistic",
) -> Attention:
    """The authors' generator with a linear head."""
    return attention.draw(key, n, T, d, tokens, queries, "linear", loss)


def equal_scores(key: PRNGKeyArray, n: int, T: int, d: int) -> Attention:
    """All non-optimal tokens of an input score equally."""
    return attention.draw(key, n, T, d, equal=True)


def either_scores(key: PRNGKeyArray, n: int, T: int, d: int, equal: int) -> Attention:
    """All non-optimal tokens of an input score equally (equal = 1), or as they are drawn (0)."""
    return attention.draw(key, n, T, d, equal=bool(equal))


def relu_head(key: PRNGKeyArray, n: int, T: int, d: int) -> Attention:
    """The nonlinear head psi(a) = sum_k max(a_k, 0)."""
    return attention.draw(key, n, T, d, head="relu")


def ngd_trial(instance: Attention, key: Any, eta: Array, steps: int) -> Quantities:
    """NGD on W from 0."""
    return _descend(instance, attention_ngd(instance, eta), _zero(instance), steps)


def gd_trial(instance: Attention, key: Any, eta: Array, steps: int) -> Quantities:
    """Plain GD on W from 0."""
    return _descend(instance, attention_gd(instance, eta), _zero(instance), steps)


def anywhere_trial(instance: Attention, key: Any, eta: Array, steps: int) -> Quantities:
    """NGD on W from a Gaussian matrix, whose part orthogonal to all constraints stays (control)."""
    start = jax.random.normal(key, _zero(instance).shape)
    return _descend(instance, attention_ngd(instance, eta), start, steps)


def polyak_trial(instance: Attention, key: Any, longest: Array, steps: int) -> Quantities:
    """GD on W from 0 with Polyak's step, at most `longest`."""
    return _descend(instance, attention_polyak(instance, longest), _zero(instance), steps)


def autograd_trial(instance: Attention, key: Any, eta: Array, steps: int) -> Quantities:
    """NGD on W in float32 with automatic differentiation of the softmax (control)."""
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), instance)
    eta = eta.astype(jnp.float32)

    def loss(W: Array) -> Array:
        s = jax.nn.softmax(narrow.logits(W), axis=1)
        return jnp.mean(LOSSES[narrow.loss].value(jnp.sum(s * narrow.scores, axis=1)))

    solver = Solver(lambda W: W, lambda t, W: W - eta * unit(jax.grad(loss)(W)))
    return _descend(narrow, solver, _zero(instance).astype(jnp.float32), steps)


def two_looks_trial(
    instance: Attention, key: Any, eta: Array, first: int, steps: int
) -> Quantities:
    """NGD on W from 0, looked at after `first` and after `steps` steps."""
    ticks = np.array([first, steps])
    solver = attention_ngd(instance, eta)
    _, seen = run(solver, _zero(instance), ticks, lambda W: {"W": W, "kept": instance.kept(W)})
    return {"t": jnp.asarray(ticks), **seen}


def landscape_trial(instance: Attention, key: Any, eta: Array, steps: int) -> Quantities:
    """Directions of grad L at the iterates of NGD from 0, and at random W of all norms."""
    ticks = log_ticks(steps, PER_DECADE)
    solver = attention_ngd(instance, eta)
    downhill = lambda W: instance.gradient(W).direction  # noqa: E731
    _, seen = run(solver, _zero(instance), ticks, lambda W: {"iterates": downhill(W)})
    d = instance.X.shape[2]
    W = jax.random.normal(key, (len(NORMS), SAMPLES, d, d))
    W = W / jnp.linalg.norm(W, axis=(2, 3), keepdims=True) * jnp.array(NORMS)[:, None, None, None]
    samples = jax.vmap(downhill)(W.reshape(-1, d, d))
    return {"t": jnp.asarray(ticks), "samples": samples, **seen}


def start_trial(
    instance: Attention, key: Any, choice: Array, depth: Array, eta: Array, steps: int
) -> Quantities:
    """NGD started far out, smallest margin `depth`, in the max-margin direction of a token choice.

    Choice 0 is the best tokens; in the others each input keeps its best with probability 0.7.
    """
    chosen = random_choice(instance, key, choice, 0.7)
    start = depth * _direction(instance, chosen, 4 * WARM_UP)[0]
    ticks = log_ticks(steps, PER_DECADE)
    solver = attention_ngd(instance, eta)
    end, seen = run(solver, start, ticks, lambda W: {"kept": instance.kept(W)})
    return {"t": jnp.asarray(ticks), "chosen": chosen, "start": start, "end": end, **seen}


def trap_trial(
    instance: Attention, key: Any, left: Array, depth: Array, eta: Array, steps: int
) -> Quantities:
    """NGD started far out, smallest margin `depth`, in the max-margin direction of all inputs but
    one, `left`.
    """
    n = instance.X.shape[0]
    rest = (left + 1 + jnp.arange(n - 1)) % n
    X, z, Y, scores = (a[rest] for a in (instance.X, instance.z, instance.Y, instance.scores))
    others = Attention(X, z, Y, scores, instance.loss)
    start = depth * _direction(others, others.best, 4 * WARM_UP)[0]
    return _descend(instance, attention_ngd(instance, eta), start, steps)


def choice_trial(instance: Attention, key: Any, choice: Array) -> Quantities:
    """No descent: a token choice drawn uniformly."""
    return {"t": jnp.zeros(1), "chosen": random_choice(instance, key, choice + 1, 0.0)}


def svm_trial(instance: Attention, key: Any, schatten: Array) -> Quantities:
    """No descent: the host stage solves for the best tokens in the Schatten-1 or -2 norm."""
    return {"t": jnp.zeros(1), "schatten": schatten}


def random_choice(instance: Attention, key: Any, index: Array, best: float) -> Array:
    """Token choice number `index`: the best ones for 0, else random, best with probability."""
    n, T, _ = instance.X.shape
    coin, token = jax.random.uniform(jax.random.fold_in(key, index), (2, n))
    keeps = (coin < best) | (index == 0)
    return jnp.where(keeps, instance.best, jnp.floor(token * T).astype(instance.best.dtype))


def path_w_trial(instance: Attention, key: Any, kappa: Array, steps: int) -> Quantities:
    """The point of the Frobenius regularisation path at B = kappa ||W_mm||, from near W_mm."""
    near, norm = _direction(instance, instance.best, WARM_UP)
    B = kappa * norm
    solver = path_w(instance, B)
    end = jax.lax.fori_loop(0, steps, solver.step, solver.init(kappa * near)).x
    gap = relative_gap(instance, end, B, nuclear=False)
    return {"t": jnp.full(1, steps), "W": end, "B": B, "gap": gap}


def path_kq_trial(instance: Attention, key: Any, kappa: Array, m: int, steps: int) -> Quantities:
    """The point of the (K, Q) path at B = kappa times about the nuclear optimum.

    It starts from the Frobenius direction made full rank: not near the solution.
    """
    U, sigma, Vt = jnp.linalg.svd(_direction(instance, instance.best, WARM_UP)[0])
    B = kappa * jnp.sum(sigma)
    root = jnp.sqrt(sigma + 0.1 * sigma[0])[:m]
    wide = KeyQuery(1e6 * U[:, :m] * root, 1e6 * Vt[:m].T * root)
    solver = path_kq(instance, B)
    end = jax.lax.fori_loop(0, steps, solver.step, solver.init(into_ball(wide, 2.0 * B))).x
    gap = relative_gap(instance, end.W, B, nuclear=True)
    return {"t": jnp.full(1, steps), "W": end.W, "B": B, "gap": gap}


def kq_trial(instance: Attention, key: Any, eta: Array, m: int, steps: int) -> Quantities:
    """NGD on (K, Q) from small Gaussian factors: an observation, the theory has no claim."""
    return _factored(instance, attention_kq_ngd(instance, eta), key, m, steps)


def kq_gd_trial(instance: Attention, key: Any, eta: Array, m: int, steps: int) -> Quantities:
    """Plain GD on (K, Q) from small Gaussian factors: an observation as well."""
    return _factored(instance, attention_kq_gd(instance, eta), key, m, steps)


def _factored(instance: Attention, solver: Solver, key: Any, m: int, steps: int) -> Quantities:
    d = instance.X.shape[2]
    K, Q = 0.1 * jax.random.normal(key, (2, d, m)) / jnp.sqrt(d)
    ticks = log_ticks(steps, PER_DECADE)
    _, seen = run(
        solver,
        KeyQuery(K, Q),
        ticks,
        lambda state: {"W": state.W, "kept": instance.kept(state.W)},
    )
    return {"t": jnp.asarray(ticks), **seen}


def nonlinear_trial(
    instance: Attention, key: Any, sets: Array, eta: Array, steps: int
) -> Quantities:
    """Plain GD with a ReLU head; the softmax is looked at half-way and at the end.

    `sets` asks the host stage to hold W against sets of kept tokens (1) or the peak alone (0).
    """
    ticks = np.array([steps // 2, steps])

    def record(W: Array) -> Quantities:
        return {"W": W, "s": instance.saturation(W).s}

    _, seen = run(attention_gd(instance, eta), _zero(instance), ticks, record)
    return {"t": jnp.asarray(ticks), "sets": sets, **seen}


def _zero(instance: Attention) -> Array:
    d = instance.X.shape[2]
    return jnp.zeros((d, d))


def _descend(instance: Attention, solver: Solver, start: Array, steps: int) -> Quantities:
    ticks = log_ticks(steps, PER_DECADE)
    _, seen = run(solver, start, ticks, lambda W: {"W": W, "kept": instance.kept(W)})
    return {"t": jnp.asarray(ticks), **seen}


def _direction(instance: Attention, choice: Array, steps: int) -> tuple[Array, Array]:
    """The max-margin direction of a token choice, scaled to a least margin of 1, and its norm."""
    solver = max_margin_ngd(instance, choice)
    W = jax.lax.fori_loop(0, steps, solver.step, _zero(instance))
    W = W / jnp.min(margins(instance, W, choice))
    return W, jnp.linalg.norm(W)
