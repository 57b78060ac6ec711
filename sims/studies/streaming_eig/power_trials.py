"""Problems and trials of methods with bounded memory: block power, sketches, kept rows."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array

from matsense import loops
from matsense.problems import memory_streams, streaming
from matsense.problems.streaming import Stream
from matsense.solver import StreamSolver
from matsense.solvers.streaming.block_power import block_power, level_of, powers_of_two
from matsense.solvers.streaming.frequent_directions import frequent_directions
from matsense.solvers.streaming.noisy_power import minibatch_oja, noisy_power
from matsense.solvers.streaming.oja import fixed, harmonic, oja
from matsense.solvers.streaming.power_by_labels import power_by_labels, random_labels
from matsense.solvers.streaming.price_xun import PriceXunState, price_xun, rates
from matsense.theory import streaming as theory

Quantities = dict[str, Array]

# Blocks of a stream; heavy rows that the block power method has room for; its guesses of
# ||A||_F^2, which is 100 to 10^4 in these sweeps.
BLOCKS, CAPACITY = 8, 128
GUESSES = (4, 19)
# Fixed rates are SPEED ln d / lambda_1: growth by d^3 along v1, half a power of d is needed.
SPEED = 3.0
# Oja's own rule at equal memory accepts a rate at growth ln d.
ACCEPT = 1.0
METHODS = ("oracle", "guessed", "oja", "harmonic", "minibatch", "noisy", "directions", "rates")


def rows_of(
    key: Array,
    n: int,
    d: int,
    R: Array,
    h: int = 0,
    share: Array | float = 0.5,
    carriers: Array | float = 1.0,
    order: str = "random",
) -> Stream:
    """Light incoherent rows and h heavy ones (`streaming.draw`)."""
    return streaming.draw(key, n, d, R, h, share, carriers=carriers, order=order)  # type: ignore[arg-type]


def flat_rows(key: Array, n: int, d: int, R: Array, tail: int) -> Stream:
    """Light rows whose energy is in their first `tail` coordinates; in all d with `tail` = 0."""
    small = streaming.draw(key, n, tail or d, R)
    over = (0, d - small.v1.shape[0])
    rows, v1 = jnp.pad(small.rows, ((0, 0), over)), jnp.pad(small.v1, over)
    return Stream(rows, v1, small.lambda1, small.lambda2)


def solver_of(
    instance: Stream,
    method: str,
    belief: Array | float = 1.0,
    l: int = 8,  # noqa: E741
) -> tuple[StreamSolver, Array]:
    """A method by its name, and the largest rate of Oja's, 0 of others.

    `belief` is the ||A||_F^2 that the oracle gives, in units of the true one.
    """
    n, d = instance.rows.shape
    eta = jnp.reshape(SPEED * math.log(d) / instance.lambda1, 1)
    energy = jnp.reshape(belief * jnp.sum(instance.rows**2), 1)
    none = jnp.zeros(1)
    if method == "oracle":
        return block_power(n, d, 1, BLOCKS, energy, CAPACITY), none
    if method == "guessed":
        return block_power(n, d, 1, BLOCKS, powers_of_two(*GUESSES), CAPACITY), none
    if method == "oja":
        return oja(fixed(eta), d, 1), eta
    if method == "harmonic":
        c = jnp.reshape(2.0 * n / instance.lambda1, 1)
        return oja(harmonic(c), d, 1), c
    if method == "minibatch":
        return minibatch_oja(d, 1, n // (10 * BLOCKS), eta), none
    if method == "noisy":
        # Noise of its own that adds 1e-4 to sin^2 at the end.
        noise = jnp.reshape(1e-2 * instance.lambda1 / (BLOCKS * math.sqrt(d)), 1)
        return noisy_power(d, 1, n // BLOCKS, noise), none
    if method == "directions":
        return frequent_directions(l, d), none
    # Oja at many rates by growth, in the 2 l d numbers of Frequent Directions with l rows.
    lanes = (2 * l * d - d) // (d + 1)
    eta = rates(1.0, 2.0 ** (lanes - 1), 1) * math.log(d) / instance.lambda1
    return price_xun(eta, d, 1, ACCEPT), eta


def pass_trial(
    instance: Stream,
    key: Array,
    method: str,
    belief: Array | float = 1.0,
    l: int = 8,  # noqa: E741
    chunk: int = 500,
) -> Quantities:
    """One pass of one method: its error, what it stores, and D0's excess where it is Oja's."""
    solver, eta = solver_of(instance, method, belief, l)
    begin = solver.init(key)
    final, _ = loops.scan(solver, begin, instance.rows, chunk)
    seen = {
        "t": jnp.full(1, instance.rows.shape[0]),
        "R": instance.gap,
        "sin2": instance.sin2(solver.read(final))[0],
        "stored": jnp.asarray(solver.stored(final), float),
    }
    if method in ("oracle", "guessed"):
        heavy = jnp.minimum(final.found, CAPACITY)
        return {
            **seen,
            "heavy_numbers": jnp.sum(heavy).astype(float) * instance.v1.shape[0],
            "overflow": jnp.sum(final.found - heavy).astype(float),
        }
    if method in ("oja", "harmonic", "rates"):
        first, last = (s.oja if isinstance(s, PriceXunState) else s for s in (begin, final))
        start = jnp.linalg.norm(instance.off(first.V), axis=0)
        bound = theory.growth_certificate(eta, instance.lambda2, last.s, start)
        seen["certificate"] = jnp.max(jnp.sqrt(instance.sin2(last.V)) - bound)
    return seen


def one_sketch_trial(instance: Stream, key: Array, l: Array) -> Quantities:  # noqa: E741
    """Frequent Directions with 6 rows, whatever l is said to be."""
    return {**pass_trial(instance, key, "directions", l=6), "said": l}


def blocks_trial(
    instance: Stream, key: Array, blocks: Array, grouped: Array, trials: int
) -> Quantities:
    """The plain block power method (every row, q = 1) from random starts in random orders, `trials`
    of them on one matrix; with `grouped` > 0 all in the order of falling energy along v1.
    """
    n, d = instance.rows.shape
    key_order, key_start = jax.random.split(key)
    along = (instance.rows @ instance.v1) ** 2
    off = jnp.sum(instance.rows**2, axis=1) - along
    rank = jnp.argsort(jnp.argsort(-along))
    labels = jnp.where(
        grouped > 0, (rank * blocks // n)[:, None], random_labels(key_order, n, trials, blocks)
    )
    start = jax.random.normal(key_start, (d, trials))
    sin2 = instance.sin2(power_by_labels(instance.rows, labels, start, blocks))
    return {
        "t": jnp.full(1, n),
        "R": instance.gap,
        "mean": jnp.mean(sin2),
        "error": jnp.std(sin2, ddof=1) / math.sqrt(trials),
        "median": jnp.median(sin2),
        "law": theory.block_power_limit(along, off, instance.lambda1, blocks.astype(float)),
    }


def shared_rows(key: Array, h: int, d: int, R: Array) -> Stream:
    """D9: h rows that carry v1 alike."""
    return memory_streams.shared_direction(h, d, R)


def special_rows(key: Array, h: int, q: int, R: Array) -> Stream:
    """kw-lower: h rows (e_i, f_i) and one that says which of them matters."""
    return memory_streams.special_row(key, h, q, R)


def kept_trial(instance: Stream, key: Array, s: Array) -> Quantities:
    """A share s of the rows, chosen blindly, is kept; the answer is their top singular vector."""
    n, d = instance.rows.shape
    kept = memory_streams.kept_blindly(key, n, s)
    u, _ = memory_streams.of_kept(instance, kept)
    return {
        "t": jnp.full(1, n),
        "R": instance.gap,
        "sin2": instance.sin2(u[:, None])[0],
        "stored": jnp.sum(kept).astype(float) * d,
    }


def forgetting_trial(instance: Stream, key: Array, keeps: Array) -> Quantities:
    """All rows are kept but the first, which is the one that matters; with `keeps` > 0 it too."""
    n, d = instance.rows.shape
    kept = (jnp.arange(n) > 0) | (keeps > 0)
    u, _ = memory_streams.of_kept(instance, kept)
    return {
        "t": jnp.full(1, n),
        "R": instance.gap,
        "sin2": instance.sin2(u[:, None])[0],
        "stored": jnp.sum(kept).astype(float) * d,
    }


def subset_rows(key: Array, kind: str, n: int, d: int, R: Array) -> Stream:
    """Rows of one kind: "mixed" light and heavy, "heavy-tailed", or a memory instance."""
    if kind == "mixed":
        return streaming.draw(key, n, d, R, h=10)
    if kind == "heavy-tailed":
        return streaming.with_truth(jax.random.t(key, 1.5, (n, d)))
    if kind == "shared":
        return memory_streams.shared_direction(d - 1, d, R)
    return memory_streams.special_row(key, d // 2, d // 2, R)


def subsets_trial(instance: Stream, key: Array, foreign: Array, sets: int) -> Quantities:
    """sin^2 over D2's two bounds for the heavy rows alone, the light ones alone, and `sets` random
    subsets of all shares. With `foreign` > 0 the subsets' coordinates are turned by one place.
    """
    n, d = instance.rows.shape
    size = jnp.sum(instance.rows**2, axis=1)
    heavy = size * level_of(d) >= jnp.sum(size)
    shares = (jnp.arange(float(sets)) + 0.5) / sets
    blind = jax.vmap(lambda k, s: memory_streams.kept_blindly(k, n, s))
    kept = jnp.concatenate([heavy[None], ~heavy[None], blind(jax.random.split(key, sets), shares)])
    rows = jnp.where(foreign > 0, jnp.roll(instance.rows, 1, axis=1), instance.rows)
    other = Stream(rows, instance.v1, instance.lambda1, instance.lambda2)

    def one(kept: Array) -> tuple[Array, Array]:
        u, sigma2 = memory_streams.of_kept(other, kept)
        energy = jnp.sum(jnp.where(kept, (rows @ instance.v1) ** 2, 0.0))
        bounds = theory.subset_bounds(instance.lambda1, instance.lambda2, sigma2, energy)
        sin2 = instance.sin2(u[:, None])[0]
        return sin2 / bounds[0], sin2 / bounds[1]

    first, second = jax.lax.map(one, kept)
    return {"t": jnp.full(1, n), "R": instance.gap, "over_sigma": first, "over_share": second}
