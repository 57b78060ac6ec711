"""The columns of the run store: one form for each, the same in all parts of a sweep."""

from collections.abc import Iterable

import pyarrow as pa

FORMAT = 3
FIXED = {
    "run": pa.string(),
    "seed": pa.int64(),
    "status": pa.string(),
    "message": pa.string(),
    "seconds": pa.float64(),
    "program": pa.string(),
    "precision": pa.string(),
    "date": pa.timestamp("ms", "UTC"),
}


def is_quantity(name: str) -> bool:
    """Whether a column holds what a trial recorded."""
    return name not in FIXED and not name.startswith("param.")


def kind(rank: int) -> pa.DataType:
    """The type of a quantity with so many axes: float64 in as many lists."""
    return pa.list_(kind(rank - 1)) if rank else pa.float64()


def check(schema: pa.Schema) -> bool:
    """True; raises ValueError for a table that is whole but was not written by this store."""
    for name, fixed in FIXED.items():
        if name not in schema.names or schema.field(name).type != fixed:
            raise ValueError(f"its column {name!r} is not one of {fixed}")
    for name in schema.names:
        inner, _ = _unnested(schema.field(name).type)
        numbers = (
            pa.types.is_floating(inner)
            or pa.types.is_integer(inner)
            or pa.types.is_boolean(inner)
            or pa.types.is_null(inner)
        )
        if is_quantity(name) and not numbers:
            raise ValueError(f"its column {name!r} holds no numbers")
    return True


def _unnested(nested: pa.DataType) -> tuple[pa.DataType, int]:
    rank = 0
    while pa.types.is_list(nested):
        nested, rank = nested.value_type, rank + 1
    return nested, rank


def ranks(schemas: Iterable[pa.Schema]) -> dict[str, int]:
    """How many axes each quantity has, where that is known: the larger number if it is not one."""
    found: dict[str, int] = {}
    for schema in _distinct(schemas):
        for field in schema:
            inner, rank = _unnested(field.type)
            if is_quantity(field.name) and not pa.types.is_null(inner):
                found[field.name] = max(rank, found.get(field.name, 0))
    return found


def united(schemas: Iterable[pa.Schema]) -> pa.Schema | None:
    """The schema that all these tables can take without losing a number; None if there is none."""
    schemas = _distinct(schemas)
    known = ranks(schemas)
    params: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            inner, rank = _unnested(field.type)
            if is_quantity(field.name):
                # Nothing was in a column of nulls: it has the rank that others give it.
                if rank != known.setdefault(field.name, 0) and not pa.types.is_null(inner):
                    return None
            elif field.name not in FIXED:
                wide = _wider(params.setdefault(field.name, field.type), field.type)
                if wide is None:
                    return None
                params[field.name] = wide
    fields = [*FIXED.items(), *params.items(), *((n, kind(r)) for n, r in sorted(known.items()))]
    return pa.schema(fields)


def _wider(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    numbers = {pa.int64(), pa.float64()}
    return pa.float64() if {a, b} <= numbers else None


def alike(schema: pa.Schema, other: pa.Schema) -> bool:
    """Whether two tables have the same columns, in whatever order."""
    return {field.name: field.type for field in schema} == {f.name: f.type for f in other}


def _distinct(schemas: Iterable[pa.Schema]) -> list[pa.Schema]:
    """Each once: the parts of a sweep are many, their schemas few."""
    found: list[pa.Schema] = []
    for schema in schemas:
        if not any(schema.equals(other) for other in found):
            found.append(schema)
    return found


def conformed(table: pa.Table, target: pa.Schema) -> pa.Table:
    """The table in the schema of all; what it lacks is null."""
    values = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in target
    ]
    return pa.table(values, schema=target.with_metadata(table.schema.metadata))
