"""Frozen dataclasses that JAX can carry through jit, vmap and scan."""

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """A field that shapes the computation instead of taking part in it (hashed by jit)."""
    return field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static,))
def pytree(cls: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass registered as a pytree, `static()` fields as metadata."""
    return jax.tree_util.register_dataclass(dataclass(frozen=True)(cls))
