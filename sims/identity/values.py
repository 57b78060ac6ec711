"""Hashes live values of Python by what they hold: the same in every process, blind to addresses."""

import copyreg
import ctypes
import dataclasses
import enum
import functools
import hashlib
import random
import re
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from sims.identity import own_files

# Parts of a class that say where and how it was written, not what it does.
UNSAID = re.compile(
    "__(module|qualname|name|doc|dict|weakref|firstlineno|static_attributes|wrapped)__"
    "|__(annotations|annotate|annotate_func|annotations_cache|parameters|type_params)__"
    "|__(spec|loader|file|cached|path|package|builtins|orig_bases|abstractmethods)__"
    "|__(dataclass_params|match_args|replace|subclasshook|protocol_attrs|slotnames|dataclass_transform)__"
    "|__non_callable_proto_members__|_is_protocol|_is_runtime_protocol|_abc_impl"
)
# Nothing that a run depends on lies deeper; objects that are made anew at each look end here.
DEEPEST = 60


class Hasher:
    """Hashes values; `code` says what stands for one of our own functions.

    What cannot be looked into (locks, files, objects of compiled packages) enters by its type.
    """

    def __init__(self, code: Callable[[types.FunctionType], str]) -> None:
        self._code = code
        self._known: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no id is given away while it is known
        self._above: list[int] = []

    def of(self, value: Any) -> str:
        """Hash of one value."""
        if isinstance(value, (bool, int, float, complex, str, bytes, type(None))) and (
            type(value).__module__ == "builtins"
        ):
            return hashed(type(value).__name__, repr(value))
        value = unchecked(value)
        if id(value) in self._known:
            return self._known[id(value)]
        if id(value) in self._above:
            return f"above {len(self._above) - self._above.index(id(value))}"
        if len(self._above) > DEEPEST:
            return "deep"
        self._above.append(id(value))
        try:
            found = self._look(value)
        finally:
            self._above.pop()
        self._known[id(value)] = found
        self._kept.append(value)
        return found

    def all(self, kind: str, values: Iterable[Any]) -> str:
        """Hash of several values in their order."""
        return hashed(kind, *[self.of(value) for value in values])

    def _look(self, value: Any) -> str:
        if type(value) in _EXACT:
            return str(_EXACT[type(value)](self, value))
        for kind, look in _LOOKS:
            if isinstance(value, kind):
                return str(look(self, value))
        if type(value).__module__.split(".")[0] in ("typing", *own_files.TYPES):
            return "type"
        if value is random._inst or value is np.random.mtrand._rand:
            return "seeded anew by every process"
        return self._object(value)

    def _mapping(self, value: Any) -> str:
        pairs = [(k, v) for k, v in list(value.items()) if k != "__builtins__"]
        return self.all("dict", [item for pair in pairs for item in pair])

    def _set(self, value: Any) -> str:
        return hashed("set", *sorted(self.of(item) for item in value))

    def _array(self, value: np.ndarray) -> str:
        kind = f"{value.dtype.descr if value.dtype.names else value.dtype} {value.shape}"
        if value.dtype.hasobject:
            return hashed(kind, self.of(value.tolist()))
        return hashed(kind, value.tobytes().hex())

    def _jax_array(self, value: jax.Array) -> str:
        if isinstance(value, jax.core.Tracer):
            return hashed("tracer", str(value.aval))
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            return hashed(str(value.dtype), self.of(np.asarray(jax.random.key_data(value))))
        return hashed(f"jax {value.weak_type}", self.of(np.asarray(value)))

    def _function(self, value: types.FunctionType) -> str:
        own = own_files.is_own(value.__code__.co_filename)
        said = self._code(value) if own else f"{value.__module__}.{value.__qualname__}"
        cells = []
        for cell in value.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:
                cells.append("not yet bound")
        bound = [value.__defaults__, value.__kwdefaults__, cells]
        return hashed("function", said, *map(self.of, bound), self.members(vars(value)))

    def _method(self, value: types.MethodType) -> str:
        return self.all("method", [value.__self__, value.__func__])

    def _builtin(self, value: Any) -> str:
        owner = getattr(value, "__self__", None)
        held = "" if owner is None or isinstance(owner, types.ModuleType) else self.of(owner)
        return hashed("builtin", f"{getattr(value, '__module__', '')}.{value.__qualname__}", held)

    def _partial(self, value: Any) -> str:
        return self.all("partial", [value.func, value.args, value.keywords])

    def _module(self, value: types.ModuleType) -> str:
        # A module of our own is hashed as such, under no name.
        return "own module" if own_files.is_own_module(value) else hashed("module", value.__name__)

    def _class(self, value: type) -> str:
        if value.__module__.split(".")[0] in own_files.TYPES:
            return "type"
        if not own_files.is_own_module(sys.modules.get(value.__module__)):
            return hashed("class", f"{value.__module__}.{value.__qualname__}")
        if issubclass(value, enum.Enum):
            own = {k: v for k, v in vars(value).items() if isinstance(v, types.FunctionType)}
            named = [(name, member.value) for name, member in value.__members__.items()]
            return hashed("own enumeration", self.of(named), self.members(own))
        bases = [base for base in value.__bases__ if base is not object]
        return hashed("own class", self.all("bases", bases), self.members(vars(value)))

    def members(self, members: Any) -> str:
        """Hash of the attributes of a class, a function or an object, in no order."""
        said = {
            k: v for k, v in list(members.items()) if not UNSAID.fullmatch(k) and not _generated(v)
        }
        return hashed(*sorted(hashed(k, self.of(v)) for k, v in said.items()))

    def _enum(self, value: enum.Enum) -> str:
        return hashed("member", value.name, self.of(value.value))

    def _descriptor(self, value: Any) -> str:
        inner = [getattr(value, n, None) for n in ("fget", "fset", "fdel", "func", "__func__")]
        return self.all(type(value).__name__, inner)

    def _field(self, value: Any) -> str:
        # Its type is a class or the text of one: said by the class's own annotations.
        return self.all("field", [value.name, value.default, value.default_factory, value.metadata])

    def _library(self, value: ctypes.CDLL) -> str:
        path = Path(value._name or "")
        return hashed("library", path.read_bytes().hex() if path.is_file() else str(value._name))

    def _opaque(self, value: Any) -> str:
        return hashed("opaque", type(value).__name__)

    def _object(self, value: Any) -> str:
        kind = self.of(type(value))
        inner = getattr(value, "__wrapped__", None)
        if callable(inner):  # a cache, a jitted function
            said = [] if not hasattr(value, "__dict__") else [self.members(vars(value))]
            return hashed("wrapper", kind, self.of(inner), *said)
        try:
            told = copyreg.dispatch_table.get(type(value))
            state = value.__reduce_ex__(4) if told is None else told(value)
        except Exception:
            state = None
        if isinstance(state, str):
            return hashed("named", kind, state)
        if state is not None:
            rest = [list(part) if part is not None else None for part in state[3:5]]
            return hashed("object", kind, self.all("state", [*state[:3], *rest]))
        held = dict(vars(value)) if hasattr(value, "__dict__") else {}
        for base in type(value).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(value, name):
                    held[name] = getattr(value, name)
        return hashed("object", kind, self.members(held))


def unchecked(value: Any) -> Any:
    """A function without the checks of types around it, which are none of its arithmetic."""
    while isinstance(value, types.FunctionType) and hasattr(value, "__wrapped__"):
        if not own_files.is_of_types(value.__code__.co_filename):
            break
        value = value.__wrapped__
    return value


def _generated(value: Any) -> bool:
    """Whether a method was written by `dataclass` or `NamedTuple`, from fields that are said."""
    value = unchecked(value)
    if not isinstance(value, types.FunctionType):
        return False
    if value.__name__ == "__init__" and own_files.is_of_types(value.__code__.co_filename):
        return True  # the same, checked
    file = value.__code__.co_filename
    return value.__name__.startswith("__") and (file.startswith("<") or file == _DATACLASSES)


_DATACLASSES = dataclasses.dataclass.__code__.co_filename


def hashed(*parts: str) -> str:
    """A hash of texts in their order."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(f"{len(part)}:".encode() + part.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


_LOOKS: list[tuple[Any, Any]] = [
    (types.FunctionType, Hasher._function),
    (types.ModuleType, Hasher._module),
    (enum.Enum, Hasher._enum),
    (type, Hasher._class),
    (types.MethodType, Hasher._method),
    ((types.BuiltinFunctionType, types.MethodWrapperType), Hasher._builtin),
    ((types.WrapperDescriptorType, types.MethodDescriptorType), Hasher._builtin),
    (functools.partial, Hasher._partial),
    (types.MappingProxyType, Hasher._mapping),
    ((property, staticmethod, classmethod, functools.cached_property), Hasher._descriptor),
    (dataclasses.Field, Hasher._field),
    (ctypes.CDLL, Hasher._library),
    (jax.Array, Hasher._jax_array),
    ((weakref.ref, weakref.WeakKeyDictionary, weakref.WeakValueDictionary), Hasher._opaque),
    ((types.GetSetDescriptorType, types.MemberDescriptorType), Hasher._opaque),
    ((types.GenericAlias, types.UnionType, TypeVar), Hasher._opaque),
]
_EXACT: dict[type, Any] = {
    dict: Hasher._mapping,
    list: lambda hasher, value: hasher.all("list", value),
    tuple: lambda hasher, value: hasher.all("tuple", value),
    set: Hasher._set,
    frozenset: Hasher._set,
    np.ndarray: Hasher._array,
}
