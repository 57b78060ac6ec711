"""Names the program that computes a block: the text of its lowered computation, without names.

The text (StableHLO) holds every constant, the engine's folding of keys, its vmap and its cast, and
the random bits; it holds no comment, no place in a file. What it leaves out is added: versions and
flags of the compiler, the code of callbacks to Python, and the host stage.
"""

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from sims.identity import host_stages, own_code
from sims.identity.jitted import by_name, generator_of, trial_of

# Names of settings of JAX that change no number, or that tracing sees by itself; any other counts.
HARMLESS = re.compile(
    "log|cache|debug|dump|traceback|check|guard|leak|profil|pgle|distributed|cross_host|timeout"
    "|color|platform|device|promotion|include|canonicalization|schema|report|warn|share_binary"
    "|verbose|preemption|recoverability|collectives|async|backend_target|pins|serialization"
)
# Variables that choose code paths of what is compiled or called, but are no settings of JAX.
VARIABLES = re.compile(
    "(XLA_FLAGS|TF_XLA_FLAGS|LIBTPU_INIT_ARGS|NVIDIA_TF32_OVERRIDE|CUBLAS_.*|CUDNN_.*|ROCBLAS_.*"
    "|HIPBLAS.*|OPENBLAS_CORETYPE|MKL_(CBWR|ENABLE_INSTRUCTIONS|DEBUG_CPU_TYPE)|BLIS_ARCH_TYPE"
    "|NPY_(DISABLE|ENABLE)_CPU_FEATURES|ONEDNN_.*|DNNL_.*|TF_ENABLE_ONEDNN_OPTS)"
)
# Those that every process of a sweep sets for itself, and those that only write something down.
OUR_FLAGS = re.compile(
    "--xla_cpu_multi_thread_eigen=false$|intra_op_parallelism_threads=1$|--xla_dump"
)
# Calls out of the compiled program whose code comes with JAX; of others nothing is known.
KNOWN_CALLS = re.compile(
    r"(lapack_|xla[._]|mhlo\.|stablehlo\.|chlo\.|sdy\.|__gpu\$|__cudnn\$|__cublas\$"
    r"|(cu|hip|roc)(solver|blas|fft|sparse|dnn|rand|_threefry|_lu)|(ApproxTopK|TopK|Sharding)$)"
)


@runtime_checkable
class Stages(Protocol):
    """What of a sweep makes its programs."""

    @property
    def problem(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def trial(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def after(self) -> Callable[..., Any] | None: ...  # noqa: D102
    @property
    def instance(self) -> Mapping[str, tuple[Any, ...]]: ...  # noqa: D102
    @property
    def lane(self) -> Mapping[str, tuple[Any, ...]]: ...  # noqa: D102
    @property
    def lanes_wide(self) -> int: ...  # noqa: D102
    @property
    def in_turn(self) -> bool: ...  # noqa: D102


def name_of(
    sweep: Stages, static: Mapping[str, Any], wide: int, operator: str, settings: str
) -> str:
    """Name of the program of a shape: a hash, the same in every process and for every spelling.

    Traces the problem and the trial; raises what they raise. The widths are in the shapes, and so
    in the text. `settings` are those of JAX that do not show there (`settings()`).
    """
    keys = jax.ShapeDtypeStruct((wide, 2), np.uint32)
    floats = {
        axis: jax.ShapeDtypeStruct((wide,), np.float64)
        for axis in sweep.instance
        if axis not in static
    }
    lanes = {
        axis: jax.ShapeDtypeStruct((sweep.lanes_wide,), np.asarray(values).dtype)
        for axis, values in sweep.lane.items()
    }
    generate = generator_of(sweep.problem, static, operator).trace(keys, floats)
    instances = generate.out_info
    trial = trial_of(sweep.trial, static, sweep.in_turn).trace(instances, keys, floats, lanes)
    # What a problem calls its parts does not matter; what a trial calls its quantities is stored.
    parts = [_text(generate, False), _text(trial, True), settings, own_code.version("jax")]
    parts += [own_code.version("jaxlib")]
    if any("\ncalls lapack_" in part for part in parts):
        parts.append(own_code.version("scipy"))  # whose LAPACK jaxlib calls
    if sweep.after is not None:
        parts.append(host_stages.name_of(sweep.after, instances))
        parts.append(repr(sorted(by_name(sweep.after, static).items())))
    return digest_of(parts)


def digest_of(parts: list[str]) -> str:
    """A hash of texts in their order."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        hashed.update(f"{len(part)}:".encode() + part.encode())
    return hashed.hexdigest()


def settings() -> str:
    """Settings of JAX and variables that change numbers and may not show in the text."""
    values = {k: repr(v) for k, v in jax.config.values.items() if not HARMLESS.search(k)}
    found = {k: v for k, v in os.environ.items() if VARIABLES.fullmatch(k)}
    if "XLA_FLAGS" in found:
        flags = [word for word in found.pop("XLA_FLAGS").split() if not OUR_FLAGS.match(word)]
        found |= {"XLA_FLAGS": " ".join(flags)} if flags else {}
    return repr(sorted({**values, **found}.items()))


def _text(traced: Any, with_names_of_results: bool) -> str:
    """The lowered text of a traced function, and what it calls outside.

    A function's text names others by the hash of theirs: neither their names nor their order, nor
    whether one was lowered once or twice, is left in it.
    """
    lowered = traced.lower()
    module = lowered.compiler_ir("stablehlo")
    bodies = {}
    others = []
    for operation in module.body.operations:
        # Constants of any size are printed to the last bit, and no place in a file is.
        text = operation.get_asm(enable_debug_info=False, large_elements_limit=None)
        if "sym_name" in operation.attributes and "func.func" in text.split("\n", 1)[0]:
            bodies[operation.attributes["sym_name"].value] = text
        else:
            others.append(text)

    @functools.cache
    def hashed(name: str) -> str:
        body = re.sub(rf"(func\.func [a-z ]*)@{_SYMBOL}", r"\1", bodies[name], count=1)

        def called(found: re.Match[str]) -> str:
            callee = (found[1] or found[2]).replace("\\22", '"')
            return f"@{hashed(callee)}" if callee in bodies else found[0]

        # Where a callback's function lies in this process; what it is, is said below.
        body = re.sub(r'(custom_call @\w*callback.*?backend_config = )"\d*"', r"\1", body)
        return digest_of([re.sub(f"(?<!custom_call )@{_SYMBOL}", called, body)])

    if not with_names_of_results:
        bodies["main"] = re.sub(r'jax\.result_info = "[^"]*"', "", bodies["main"])
    calls = {found for body in bodies.values() for found in _CALLS.findall(body)}
    outside = [host_stages.name_of(callback) for callback in _callbacks(traced.jaxpr)]
    if any(not KNOWN_CALLS.match(call) for call in calls):
        outside.append(own_code.libraries())
    constants = getattr(lowered._lowering, "const_args", None) or ()
    outside += [own_code.value_name(np.asarray(constant)) for constant in constants]
    # The calls' names stay readable, for whoever asks what they are.
    return "\n".join([hashed("main"), *others, *outside, *(f"calls {c}" for c in sorted(calls))])


_SYMBOL = r'(?:([\w$.-]+)|"((?:[^"\\]|\\.)*)")'
_CALLS = re.compile(r"custom_call @([\w$.-]+)")


def _callbacks(jaxpr: Any) -> Iterator[Callable[..., Any]]:
    """The Python functions that a computation calls, in the order of their calls."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    for equation in jaxpr.eqns:
        for name, value in equation.params.items():
            if name == "callback" or (callable(value) and "callback" in equation.primitive.name):
                yield getattr(value, "callback_func", value)
            for inner in value if isinstance(value, tuple | list) else (value,):
                if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                    yield from _callbacks(inner)
