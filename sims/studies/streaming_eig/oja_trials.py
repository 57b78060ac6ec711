"""Problems and trials of Oja's method: rates and starts of a run share one pass over its rows."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from matsense import loops
from matsense.problems import sparse_streams, streaming
from matsense.problems.sparse_streams import SparseStream
from matsense.problems.streaming import Stream
from matsense.solvers.streaming.oja import OjaState, fixed, oja
from matsense.solvers.streaming.oja_sparse import oja_sparse
from matsense.solvers.streaming.price_xun import PriceXunState, chosen, price_xun, rates
from matsense.theory.streaming import growth_certificate

Quantities = dict[str, Array]

# Rates on 2^(1/4) grids. D6's best is R - 1; D7 is decided below 1 / ||x||^2 = 1/2.
HARD_RATES = (0.5, 27.0)
GAP_RATES = (1 / 32, 1.0)
# sin^2 above these is a failure: D6 as in its closed form; for D7 the largest row must fail too.
FAILS, FAILS_MIXED = 0.5, 0.25


def stream_of(key: PRNGKeyArray, kind: str, n: int, d: int, R: Array) -> Stream:
    """Rows of one kind: an order of `streaming.draw` with heavy rows, "signed" rows in their worst
    order, "heavy-tailed" ones (Gaussian rows scaled to norms of tail index 1.5), or "jumping" ones,
    whose direction changes in mid-stream.
    """
    if kind == "signed":
        return streaming.signed(key, n, d, R, "signs")
    if kind == "heavy-tailed":
        scale, rows = jax.random.split(key)
        norms = jax.random.uniform(scale, (n, 1)) ** (-1 / 1.5)
        return streaming.with_truth(norms * jax.random.normal(rows, (n, d)))
    if kind == "jumping":
        first, second = jax.random.split(key)
        parts = (streaming.draw(first, n // 2, d, R), streaming.draw(second, n - n // 2, d, 2 * R))
        return streaming.with_truth(jnp.concatenate([part.rows for part in parts]))
    return streaming.draw(key, n, d, R, h=5, share=0.5, order=kind)  # type: ignore[arg-type]


def signed_rows(key: PRNGKeyArray, n: int, d: int, R: Array, order: str) -> Stream:
    """Rows with equal cross-terms: in the order "signs", which is nearly the worst, or another."""
    return streaming.signed(key, n, d, R, order)  # type: ignore[arg-type]


def light_rows(key: PRNGKeyArray, n: int, d: int, R: Array) -> Stream:
    """Incoherent rows in random order."""
    return streaming.draw(key, n, d, R)


def diagonal(key: PRNGKeyArray, d: int, R: Array, m: int, most: int) -> SparseStream:
    """D6."""
    return sparse_streams.diagonal(key, d, R, m, most)


def mixed(key: PRNGKeyArray, d: int, R: Array, m: int, most: int) -> SparseStream:
    """D7."""
    return sparse_streams.mixed(key, d, R, m, most)


def certificate_trial(instance: Stream, key: Any, credit: Array, starts: int) -> Quantities:
    """Oja at rates 2^-6 to 2^10 over lambda_1, held against D0 with `credit` times the rate."""
    d = instance.v1.shape[0]
    eta = jnp.repeat(2.0 ** (jnp.arange(-12, 21) / 2), starts) / instance.lambda1
    solver = oja(fixed(eta), d, eta.shape[0])
    state = solver.init(key)
    seen = _certified(instance, state, eta, 10, 10, credit)
    return {"t": jnp.arange(1, 11) * (instance.rows.shape[0] // 10), "R": instance.gap, **seen}


def worst_trial(instance: Stream, key: Any, speed: Array) -> Quantities:
    """Oja from v1 itself, at the rate speed / lambda_1, on the rows as they stand and shuffled.

    sin^2 is in units of the worst case eta lambda_2 / 2: what the order does, not the start.
    """
    eta = jnp.reshape(speed / instance.lambda1, 1)
    state = OjaState(instance.v1[:, None], jnp.zeros(1), jnp.array(0))
    shuffled = streaming.reordered(instance, key, "random")
    unit = 0.5 * eta[0] * instance.lambda2
    grouped = _certified(instance, state, eta, 1, 16, jnp.ones(()))
    again = _certified(shuffled, state, eta, 1, 16, jnp.ones(()))
    return {
        "t": jnp.ones(1),
        "R": instance.gap,
        "grouped": grouped["sin2"][0, 0] / unit,
        "shuffled": again["sin2"][0, 0] / unit,
        "certificate": jnp.maximum(jnp.max(grouped["certificate"]), jnp.max(again["certificate"])),
    }


def _certified(
    instance: Stream, state: OjaState, eta: Array, looks: int, chunk: int, credit: Array
) -> Quantities:
    """One pass at fixed rates: sin^2, growth, and the excess over D0's bound at every look."""
    start = jnp.linalg.norm(instance.off(state.V), axis=0)

    def record(state: OjaState) -> Quantities:
        sin2 = instance.sin2(state.V)
        bound = growth_certificate(credit * eta, instance.lambda2, state.s, start)
        return {"sin2": sin2, "s": state.s, "certificate": jnp.sqrt(sin2) - bound}

    solver = oja(fixed(eta), instance.v1.shape[0], eta.shape[0])
    return loops.scan(solver, state, instance.rows, chunk, looks, record)[1]


def hard_trial(instance: SparseStream, key: Any, starts: int) -> Quantities:
    """Oja at all rates: the share of starts that fail, by rate; and the largest row's error."""
    state, eta = _sparse_start(instance, key, HARD_RATES, starts)
    final = oja_sparse(jnp.repeat(eta, starts), state, instance.columns, instance.values)
    return {
        **_failing(instance, final, eta, starts),
        "certificate": _excess(instance, state, final, jnp.repeat(eta, starts)),
    }


def exponential_trial(instance: SparseStream, key: Any, starts: int) -> Quantities:
    """`hard_trial` with the exponential update, for which neither D6 nor D0 is derived."""
    state, eta = _sparse_start(instance, key, HARD_RATES, starts)
    rows = (instance.columns, instance.values)
    final = oja_sparse(jnp.repeat(eta, starts), state, *rows, exponential=True)
    return _failing(instance, final, eta, starts)


def gap_trial(instance: SparseStream, key: Any, C: Array, grows: Array, starts: int) -> Quantities:
    """Price and Xun's rule on D7: the share of starts that fail, and of those that fall back.

    A rate is accepted at growth C ln d; with `grows` = 0 at C ln 64 whatever d is (control).
    """
    state, eta = _sparse_start(instance, key, GAP_RATES, starts)
    lanes = jnp.repeat(eta, starts)
    final = oja_sparse(lanes, state, instance.columns, instance.values)
    asked = C * jnp.where(grows > 0, 1.0, jnp.log(64.0) / jnp.log(float(instance.d)))
    answer = chosen(eta, PriceXunState(final, instance.largest), asked)
    sin2 = instance.sin2(answer.V)
    return {
        "t": jnp.full(1, instance.values.shape[0]),
        "failing": jnp.mean(jnp.where(sin2 > FAILS_MIXED, 1.0, 0.0)),
        "fallback": jnp.mean(jnp.where(answer.fallback, 1.0, 0.0)),
        "sin2": jnp.median(sin2),
        "top_rate": jnp.max(jnp.where(eta * (instance.largest @ instance.largest) < 1.0, eta, 0.0)),
        "certificate": _excess(instance, state, final, lanes),
    }


def light_gap_trial(instance: Stream, key: Any, C: Array, starts: int) -> Quantities:
    """Price and Xun's rule on dense rows, at those rates that matter: 1 to 2^9 over lambda_1."""
    d = instance.v1.shape[0]
    eta = rates(1.0, 512.0) / instance.lambda1
    solver = price_xun(eta, d, starts)
    begin = solver.init(key)
    final, _ = loops.scan(solver, begin, instance.rows, 16)
    answer = chosen(eta, final, C)
    sin2 = instance.sin2(answer.V)
    return {
        "t": jnp.full(1, instance.rows.shape[0]),
        "failing": jnp.mean(jnp.where(sin2 > FAILS_MIXED, 1.0, 0.0)),
        "fallback": jnp.mean(jnp.where(answer.fallback, 1.0, 0.0)),
        "sin2": jnp.median(sin2),
        "R": instance.gap,
        "certificate": _excess(instance, begin.oja, final.oja, jnp.repeat(eta, starts)),
    }


def _sparse_start(
    instance: SparseStream, key: Any, span: tuple[float, float], starts: int
) -> tuple[OjaState, Array]:
    """Starts that all rates share, and the rates."""
    eta = rates(*span)
    solver = price_xun(eta, instance.d, starts)
    return solver.init(key).oja, eta


def _failing(instance: SparseStream, final: OjaState, eta: Array, starts: int) -> Quantities:
    sin2 = instance.sin2(final.V).reshape(eta.shape[0], starts)
    row = instance.largest / jnp.linalg.norm(instance.largest)
    share = lambda level: jnp.mean(jnp.where(sin2 > level, 1.0, 0.0), axis=1)  # noqa: E731
    return {
        "t": jnp.full(1, instance.values.shape[0]),
        "eta": eta,
        "starts": jnp.array(starts),
        "failing": share(FAILS),
        "failing_mixed": share(FAILS_MIXED),
        "largest_row": instance.sin2(row[:, None])[0],
    }


def _excess(instance: SparseStream | Stream, start: OjaState, final: OjaState, eta: Array) -> Array:
    """How far ||P v|| is above D0's bound at the end, at most over lanes."""
    off = jnp.linalg.norm(instance.off(start.V), axis=0)
    bound = growth_certificate(eta, instance.lambda2, final.s, off)
    return jnp.max(jnp.sqrt(instance.sin2(final.V)) - bound)
