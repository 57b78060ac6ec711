"""Frozen dataclasses that JAX can carry through jit, vmap and scan."""

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A field that shapes the computation instead of taking part in it (hashed by jit)."""
    return field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static,))
def pytree(cls: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass registered as a pytree, `static()` fields as metadata.

    JAX rebuilds instances around batched arrays and placeholders, which do not have the shapes
    that the fields promise; rebuilding therefore goes past `__init__`, where shapes are checked.
    """
    cls = dataclass(frozen=True)(cls)
    names = [f.name for f in fields(cls) if not f.metadata.get("static")]  # type: ignore[arg-type]
    fixed = [f.name for f in fields(cls) if f.metadata.get("static")]  # type: ignore[arg-type]

    def flatten(value: T) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        leaves = [(jax.tree_util.GetAttrKey(name), getattr(value, name)) for name in names]
        return leaves, tuple(getattr(value, name) for name in fixed)

    def rebuild(metadata: tuple[Any, ...], leaves: Any) -> T:
        value = object.__new__(cls)
        for name, part in (*zip(names, leaves, strict=True), *zip(fixed, metadata, strict=True)):
            object.__setattr__(value, name, part)
        return value

    jax.tree_util.register_pytree_with_keys(cls, flatten, rebuild)
    return cls
