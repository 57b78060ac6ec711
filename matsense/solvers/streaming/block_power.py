"""The block power method for streams in random order, a reconstruction of [kacham2024].

The paper's pseudocode was not at hand: this is put together from its abstract and our
recollection, and constants (c, the polylog, the sketch) are ours.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from matsense.errors import InvalidInput
from matsense.solver import StreamSolver
from matsense.solvers.streaming.row_blocks import accumulate, direction, sphere


class PowerState(NamedTuple):
    """Columns of Z and Y are guesses by lanes. heavy: stored rows of each guess, the first of
    `found` heavy ones. S: the sketch G A. total: the exact sum of the rows' squared norms. seen:
    rows so far.
    """

    Z: Float[Array, "d columns"]
    Y: Float[Array, "d columns"]
    block: Int[Array, ""]
    heavy: Float[Array, "guesses capacity d"]
    found: Int[Array, " guesses"]
    S: Float[Array, "k d"]
    total: Float[Array, ""]
    seen: Int[Array, ""]
    key: PRNGKeyArray


def level_of(d: int) -> float:
    """D = d ln d, the "d polylog d" of the method: heavy rows have ||a||^2 >= ||A||_F^2 / D."""
    return d * math.log(d)


def block_power(
    n: int,
    d: int,
    lanes: int,
    blocks: int,
    guesses: Float[Array, " guesses"],
    capacity: int,
    c: float = 4.0,
    k: int = 32,
) -> StreamSolver[PowerState]:
    """The block power method, with one lane a start; n, the length of the stream, is known.

    The stream is cut into `blocks` blocks. In each, y += (a . z) a / q over the light rows, kept
    with probability q = min(1, c D ||a||^2 / ||A||_F^2); at its end z <- y / ||y||, and z stays if
    y = 0. Heavy rows, ||a||^2 >= ||A||_F^2 / D with D = d ln d, are stored. A Gaussian sketch
    S = G A of k rows chooses the larger of ||S z|| and ||S u||, u the top right singular vector of
    the stored rows (by the subset lemma, `matsense.theory.streaming.subset_bounds`, one of the
    two is good if light rows alone have a gap).

    `guesses` are values of ||A||_F^2 that run side by side: the true one alone (oracle mode), or
    powers of 2, of which the smallest above the exact sum is chosen at the end. All of them count
    in `stored`. They share the sampling's random numbers, and so do lanes.

    Once a guess has stored `capacity` heavy rows, further ones go through the power method with
    q = 1, as if they were light: memory stays bounded, and nothing is lost but the guarantee.
    Raises `InvalidInput` unless 1 <= blocks <= n.
    """
    D, many = level_of(d), guesses.shape[0]
    check_blocks(n, blocks)

    def init(key: PRNGKeyArray) -> PowerState:
        start, own = jax.random.split(key)
        Z = jnp.tile(sphere(start, d, lanes), (1, many))
        heavy, found = jnp.zeros((many, capacity, d)), jnp.zeros(many, int)
        zero = jnp.array(0)
        return PowerState(
            Z, jnp.zeros_like(Z), zero, heavy, found, jnp.zeros((k, d)), jnp.array(0.0), zero, own
        )

    def step(state: PowerState, X: Float[Array, "b d"]) -> PowerState:
        index = state.seen + jnp.arange(X.shape[0])
        square = jnp.sum(X * X, axis=1)
        level = D * square[:, None] / guesses[None]
        place = state.found[None] + jnp.cumsum(level >= 1.0, axis=0) - 1
        kept = (level >= 1.0) & (place < capacity)
        heavy = jax.vmap(lambda rows, at: rows.at[at].set(X, mode="drop"), (0, 1))(
            state.heavy, jnp.where(kept, place, capacity)
        )
        uniform, gaussian = row_draws(state.key, index, k)
        weights = jnp.where(kept, 0.0, kept_weights(uniform[:, None], c * level))
        Z, Y, block = accumulate(
            X,
            jnp.minimum(index * blocks // n, blocks - 1),
            jnp.repeat(weights, lanes, axis=1),
            (state.Z, state.Y, state.block),
            lambda block, Z, Y: direction(Y, Z),
        )
        return PowerState(
            Z,
            Y,
            block,
            heavy,
            state.found + jnp.sum(level >= 1.0, axis=0),
            state.S + gaussian.T @ X,
            state.total + jnp.sum(square),
            state.seen + X.shape[0],
            state.key,
        )

    def read(state: PowerState) -> Float[Array, "d lanes"]:
        best = chosen(guesses, state.total)
        z = direction(state.Y, state.Z).reshape(d, many, lanes)[:, best]
        u = top_right(state.heavy[best])[:, None]
        size_u, size_z = (jnp.linalg.norm(state.S @ V, axis=0) for V in (u, z))
        return jnp.where(size_u > size_z, u, z)

    def stored(state: PowerState) -> Array:
        rows = jnp.sum(jnp.minimum(state.found, capacity))
        return d * (rows + 2 * many * lanes + k) + 1

    return StreamSolver(init, step, read, stored)


def check_blocks(n: int, blocks: int) -> None:
    """Raises `InvalidInput` unless every one of the blocks has a row."""
    if not 1 <= blocks <= n:
        raise InvalidInput(
            f"blocks = {blocks}", f"n = {n} rows make 1 to n blocks", f"give 1 to {n}"
        )


def row_draws(
    key: PRNGKeyArray, index: Int[Array, " b"], k: int
) -> tuple[Float[Array, " b"], Float[Array, "b k"]]:
    """A uniform number and k Gaussian ones for the rows of these numbers, however chunked."""

    def one(i: Array) -> tuple[Array, Array]:
        sampling, sketching = jax.random.split(jax.random.fold_in(key, i))
        return jax.random.uniform(sampling), jax.random.normal(sketching, (k,))

    return jax.vmap(one)(index)


def kept_weights(uniform: Float[Array, "*#b"], q: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """1 / q of rows that are kept, with probability min(1, q), and 0 of the others."""
    q = jnp.minimum(q, 1.0)
    kept: Bool[Array, "*b"] = uniform < q
    return jnp.where(kept, 1.0 / jnp.where(kept, q, 1.0), 0.0)


def chosen(guesses: Float[Array, " guesses"], total: Float[Array, ""]) -> Int[Array, ""]:
    """The smallest guess that is not below the total, up to rounding; else the largest."""
    enough = guesses >= total * (1.0 - 1e-9)
    return jnp.where(
        jnp.any(enough),
        jnp.argmin(jnp.where(enough, guesses, jnp.inf)),
        jnp.argmax(guesses),
    )


def powers_of_two(low: int, high: int) -> Float[Array, " guesses"]:
    """Guesses 2^low, ..., 2^high of ||A||_F^2."""
    return 2.0 ** jnp.arange(float(low), high + 1.0)


def top_right(rows: Float[Array, "m d"]) -> Float[Array, " d"]:
    """Top right singular vector, by the smaller Gram matrix; zero if all rows are."""
    m, d = rows.shape
    if m == 0:
        return jnp.zeros(d)
    if m > d:
        u = jnp.linalg.eigh(rows.T @ rows)[1][:, -1]
        return jnp.where(jnp.any(rows != 0), u, 0.0)
    u = rows.T @ jnp.linalg.eigh(rows @ rows.T)[1][:, -1]
    return direction(u[:, None], jnp.zeros((d, 1)))[:, 0]
