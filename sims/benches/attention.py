"""A step of normalised gradient descent on softmax attention, [tarzanagh2023svm].

The same instances for everybody, from W = 0. Baselines are written as one would without thinking
of batches: one trial, the gradient by automatic differentiation of the loss.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matsense.problems import attention
from matsense.problems.attention import Attention
from matsense.solvers.attention.ngd import attention_ngd, unit
from sims.benches import Case, Contender

ETA = 0.1


def instance(key: Any, n: int, T: int, d: int) -> Attention:
    """One instance of the authors' generator."""
    return attention.draw(key, n, T, d)


def first(n: int, T: int, d: int) -> Attention:
    """The instance of those who run one trial."""
    return instance(jax.random.split(jax.random.key(0), 100)[0], n, T, d)


def torch_loop(n: int, T: int, d: int, trials: int) -> Callable[[int], float]:
    """PyTorch, float64: forward, backward, normalised step."""
    import torch

    torch.set_num_threads(1)  # more of them only wait for each other at these sizes
    problem = first(n, T, d)
    X, z, scores = (
        torch.tensor(np.asarray(a), dtype=torch.float64)
        for a in (problem.X, problem.z, problem.scores)
    )

    def run(steps: int) -> float:
        W = torch.zeros((d, d), dtype=torch.float64, requires_grad=True)
        for _ in range(steps):
            s = torch.softmax(torch.einsum("itd,de,ie->it", X, W, z), dim=1)
            loss = torch.nn.functional.softplus(-(s * scores).sum(dim=1)).mean()
            (G,) = torch.autograd.grad(loss, W)
            with torch.no_grad():
                W -= ETA * G / G.norm()
        return float((W.detach() ** 2).sum() + W.detach()[0].sum())

    return run


def jitted_loop(n: int, T: int, d: int, trials: int) -> Callable[[int], float]:
    """The same in one compiled JAX loop."""
    problem = first(n, T, d)

    def loss(W: jax.Array) -> jax.Array:
        s = jax.nn.softmax(problem.logits(W), axis=1)
        return jnp.mean(jax.nn.softplus(-jnp.sum(s * problem.scores, axis=1)))

    def step(_: Any, W: jax.Array) -> jax.Array:
        return W - ETA * unit(jax.grad(loss)(W))

    loop = jax.jit(lambda W, steps: jax.lax.fori_loop(0, steps, step, W))

    def run(steps: int) -> float:
        return number(loop(jnp.zeros((d, d)), steps))

    return run


def ours(n: int, T: int, d: int, trials: int) -> Callable[[int], float]:
    """The engine's way: all trials of a block in one compiled call, the exact gradient."""
    keys = jax.random.split(jax.random.key(0), 100)[:trials]
    problems = jax.lax.map(lambda key: instance(key, n, T, d), keys)

    def many(problems: Attention, steps: int) -> jax.Array:
        def one(problem: Attention) -> jax.Array:
            step = attention_ngd(problem, ETA).step
            return jax.lax.fori_loop(0, steps, step, jnp.zeros((d, d)))

        return jax.vmap(one)(problems)

    loop = jax.jit(many)

    def run(steps: int) -> float:
        return number(loop(problems, steps)[0])

    return run


def number(W: jax.Array) -> float:
    """What contenders are compared by: depends on the size and the direction of W."""
    return float(jnp.sum(W**2) + jnp.sum(W[0]))


def each(n: int, T: int, d: int, trials: int) -> float:
    """Trial-steps of a step of a block."""
    return float(trials)


def one(n: int, T: int, d: int, trials: int) -> float:
    """Trial-steps of a step of one trial."""
    return 1.0


case = Case(
    title="attention NGD step",
    unit="us per trial-step",
    sizes=(
        {"n": 6, "T": 8, "d": 10, "trials": 25},
        {"n": 6, "T": 8, "d": 10, "trials": 100},
        {"n": 10, "T": 10, "d": 20, "trials": 100},
    ),
    contenders=(
        Contender("PyTorch autograd, 1 trial", torch_loop, one, needs=("torch",)),
        Contender("jitted autograd, 1 trial", jitted_loop, one, on_gpu=True),
        Contender("ours, a block of trials", ours, each, True, True),
    ),
)
