"""The two jitted functions of a shape: draw the instances, run the trials. All that is computed."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax

from matsense.judging.laws import by_name
from matsense.operators import cast

# So many compiled programs of a kind stay in a process's memory, at some 10 MB each; the others
# wait on disk. Blocks come shape by shape, so that few are met again.
KEPT = 12


def generator_of(problem: Callable[..., Any], static: Mapping[str, Any], operator: str) -> Any:
    """The jitted problem of a shape: keys and numbers of the instances -> the instances.

    It is keyed by the function and what that asks for alone, so that whatever shares these, in
    other sweeps too, shares the compilation.
    """
    return _generator(problem, tuple(by_name(problem, static).items()), operator)


def trial_of(function: Callable[..., Any], static: Mapping[str, Any], in_turn: bool) -> Any:
    """The jitted trial of a shape: instances, keys, numbers of instances and lanes -> quantities.

    Keyed as `generator_of` is.
    """
    return _trial(function, tuple(by_name(function, static).items()), in_turn)


def forget() -> None:
    """Drops all that was traced: the code that it was traced from is no more."""
    _generator.cache_clear()
    _trial.cache_clear()
    jax.clear_caches()


@functools.lru_cache(maxsize=KEPT)
def _generator(problem: Callable[..., Any], static_items: tuple, operator: str) -> Any:
    """One instance after another."""
    static = dict(static_items)

    @jax.jit
    def generate(keys: Any, floats: dict[str, Any]) -> Any:
        def one(inputs: tuple[Any, dict[str, Any]]) -> Any:
            key = jax.random.fold_in(jax.random.wrap_key_data(inputs[0]), 0)
            return cast(problem(key, **by_name(problem, {**static, **inputs[1]})), operator)

        return jax.lax.map(one, (keys, floats))

    return generate


@functools.lru_cache(maxsize=KEPT)
def _trial(function: Callable[..., Any], static_items: tuple, in_turn: bool) -> Any:
    """vmap over instances, or a loop, of vmap over lanes."""
    static = dict(static_items)

    @jax.jit
    def trial(instances: Any, keys: Any, floats: dict[str, Any], lanes: dict[str, Any]) -> Any:
        def one(instance: Any, key: Any, own: dict[str, Any]) -> Any:
            start = jax.random.fold_in(jax.random.wrap_key_data(key), 1)

            def lane(values: dict[str, Any]) -> Any:
                known = {**static, **own, **values}
                return function(instance, start, **by_name(function, known))

            return jax.vmap(lane)(lanes) if lanes else jax.tree.map(lambda x: x[None], lane({}))

        if in_turn:
            return jax.lax.map(lambda own: one(*own), (instances, keys, floats))
        return jax.vmap(one)(instances, keys, floats)

    return trial
