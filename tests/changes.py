"""Changes of code, each before and after: what a run's numbers depend on, and what they do not.

A change is a module that defines `f(x)`, a second module `other`, and what surrounds them, twice.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Side:
    """The code on one side of a change."""

    code: str
    other: str = ""
    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def swap(code: str, old: str, new: str, other: str = "") -> tuple[Side, Side]:
    """A change of some text in the module; or in the other one, if the text stands there."""
    if old in code:
        return Side(code, other), Side(code.replace(old, new), other)
    assert old in other
    return Side(code, other), Side(code, other.replace(old, new))


TWO = "A, B = 2.0, 3.0\ndef f(x):\n    return A * x + B\n"
DATA = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass D:\n    a: float = 2.0\n"
DATA += "    b: float = 3.0\n    def g(self, x):\n        return self.a * x + self.b\n"
TABLE = "def g(x):\n    return 2.0 * x\ndef h(x):\n    return x + 1.0\nT = {'g': g, 'h': h}\n"
TABLE += "def f(x):\n    return T['g'](x) * 3.0 + T['h'](x)\n"
MAKE = "def make(a):\n    def g(x):\n        return a * x\n    return g\n"
OTHER = "def g(x):\n    return 2.0 * x\n"
WRAP = "import functools\ndef d(a):\n    def dec(g):\n        @functools.wraps(g)\n"
WRAP += "        def w(x):\n            return a * g(x)\n        return w\n    return dec\n"
WRAP += "def g(x):\n    return x + 1.0\n"
JVP = "import jax\n@jax.custom_jvp\ndef g(x):\n    return x * x\n@g.defjvp\ndef rule(x, dx):\n"
JVP += "    return g(x[0]), 2.0 * x[0] * dx[0]\ndef f(x):\n    return jax.vmap(jax.grad(g))(x)\n"
BATCH = "import jax\nfrom jax.custom_batching import custom_vmap\n@custom_vmap\ndef g(x):\n"
BATCH += "    return 2.0 * x\n@g.def_vmap\ndef rule(size, batched, x):\n    return 2.0 * x, True\n"
BATCH += "def f(x):\n    return jax.vmap(g)(x)\n"
DISPATCH = "from functools import singledispatch\n@singledispatch\ndef g(a, x):\n    return x\n"
DISPATCH += "@g.register\ndef _(a: int, x):\n    return 2.0 * x\ndef f(x):\n    return g(1, x)\n"
CALLBACK = "import jax\ndef g(x):\n    return 2.0 * x\ndef f(x):\n"
CALLBACK += "    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)\n"
CALLBACK += "    return jax.pure_callback(g, shape, x, vmap_method='broadcast_all')\n"
READ = "from pathlib import Path\ndef read():\n    return float(Path('data.txt').read_text())\n"
USE = "\ndef f(x):\n    return "

SEEN: dict[str, tuple[Side, Side]] = {
    "module constant float": swap(TWO, "2.0, 3.0", "2.5, 3.0"),
    "two constants swapped": swap(TWO, "2.0, 3.0", "3.0, 2.0"),
    "constant set to a value that another reached constant has": swap(TWO, "2.0, 3.0", "2.0, 2.0"),
    "names of constants swapped": swap(TWO, "A, B", "B, A"),
    "dict constant values swapped": swap(
        "T = {'a': 2.0, 'b': 3.0}" + USE + "T['a'] * x + T['b']\n",
        "{'a': 2.0, 'b': 3.0}", "{'a': 3.0, 'b': 2.0}",
    ),
    "order of a dict": swap(
        "T = {2.0: 1, 3.0: 1}" + USE + "list(T)[0] * x\n", "2.0: 1, 3.0: 1", "3.0: 1, 2.0: 1"
    ),
    "tuple constant permuted": swap("T = (2.0, 3.0)" + USE + "T[0] * x\n", "2.0, 3.0", "3.0, 2.0"),
    "tuple constant repeated": swap("T = (2.0,)" + USE + "sum(T) * x\n", "(2.0,)", "(2.0, 2.0)"),
    "numpy scalar float32": swap(
        "import numpy as np\nA = np.float32(2)" + USE + "float(A) * x\n", "(2)", "(3)"
    ),
    "numpy scalar int64": swap(
        "import numpy as np\nA = np.int64(2)" + USE + "float(A) * x\n", "(2)", "(3)"
    ),
    "numpy float64": swap("import numpy as np\nA = np.float64(2)" + USE + "A * x\n", "(2)", "(3)"),
    "numpy array": swap(
        "import numpy as np\nA = np.arange(500.0)" + USE + "A[499] * x\n", "500.0)", "500.0)[::-1]"
    ),
    "range constant": swap("R = range(3)" + USE + "sum(R) * x\n", "range(3)", "range(4)"),
    "Fraction": swap(
        "from fractions import Fraction\nA = Fraction(1, 3)" + USE + "float(A) * x\n",
        "(1, 3)", "(1, 4)",
    ),
    "MappingProxy": swap(
        "from types import MappingProxyType\nT = MappingProxyType({'a': 2.0, 'b': 3.0})"
        + USE + "T['a'] * x\n", "'a': 2.0, 'b': 3.0", "'a': 3.0, 'b': 2.0",
    ),
    "dataclass constant": swap(DATA + "C = D(2.0, 3.0)" + USE + "C.g(x)\n", "D(2.0", "D(4.0"),
    "dataclass fields swapped": swap(
        DATA + "C = D(2.0, 3.0)" + USE + "C.g(x)\n", "D(2.0, 3.0)", "D(3.0, 2.0)"
    ),
    "numpy structured array": swap(
        "import numpy as np\nA = np.array([(2.0, 3.0)], [('a', float), ('b', float)])"
        + USE + "float(A['a'][0]) * x\n", "(2.0, 3.0)", "(3.0, 2.0)",
    ),
    "numpy object array": swap(
        "import numpy as np\nA = np.array([2.0, 'b'], object)" + USE + "A[0] * x\n", "2.0", "3.0"
    ),
    "Enum value": swap(
        "from enum import Enum\nclass E(Enum):\n    A = 2.0\n    B = 3.0" + USE + "E.A.value * x\n",
        "A = 2.0\n    B = 3.0", "A = 3.0\n    B = 2.0",
    ),
    "deque": swap(
        "from collections import deque\nA = deque([2.0, 3.0])" + USE + "A[0] * x\n",
        "2.0, 3.0", "3.0, 2.0",
    ),
    "functions in dict, body changed": swap(TABLE, "2.0 * x", "2.5 * x"),
    "functions in dict, swapped": swap(TABLE, "'g': g, 'h': h", "'g': h, 'h': g"),
    "default literal": swap("def g(x, a=2.0):\n    return a * x" + USE + "g(x)\n", "2.0", "3.0"),
    "default names swapped": swap(
        "A, B = 2.0, 3.0\ndef g(x, a=A, b=B):\n    return a * x + b" + USE + "g(x)\n",
        "a=A, b=B", "a=B, b=A",
    ),
    "default constants swapped": swap(
        "A, B = 2.0, 3.0\ndef g(x, a=A, b=B):\n    return a * x + b" + USE + "g(x)\n",
        "2.0, 3.0", "3.0, 2.0",
    ),
    "kw default": swap("def g(x, *, a=2.0):\n    return a * x" + USE + "g(x)\n", "2.0", "3.0"),
    "method of a dataclass": swap(
        DATA + "C = D()" + USE + "C.g(x)\n", "self.a * x + self.b", "self.a * x - self.b"
    ),
    "method monkeypatched on class": swap(
        "class C:\n    def g(self, x):\n        return x\ndef new(self, x):\n    return 2.0 * x\n"
        "C.g = new" + USE + "C().g(x)\n", "2.0", "3.0",
    ),
    "inherited method": swap(
        "class P:\n    def g(self, x):\n        return 2.0 * x\nclass C(P):\n    pass"
        + USE + "C().g(x)\n", "2.0", "3.0",
    ),
    "property": swap(
        "class C:\n    @property\n    def a(self):\n        return 2.0" + USE + "C().a * x\n",
        "2.0", "3.0",
    ),
    "lambda in list": swap("L = [lambda x: 2.0 * x]" + USE + "L[0](x)\n", "2.0", "3.0"),
    "two lambdas in one list swapped": swap(
        "L = [lambda x: 2.0 * x, lambda x: 3.0 + x]" + USE + "L[0](x)\n",
        "lambda x: 2.0 * x, lambda x: 3.0 + x", "lambda x: 3.0 + x, lambda x: 2.0 * x",
    ),
    "multi-line dict, lambda calls function of another module": swap(
        "import other\nT = {\n    'a':\n    lambda x: other.g(x),\n}" + USE + "T['a'](x)\n",
        "2.0", "3.0", OTHER,
    ),
    "multi-line list, lambda calls other module": swap(
        "from other import g\nT = [\n    lambda x:\n    g(x),\n]" + USE + "T[0](x)\n",
        "2.0", "3.0", OTHER,
    ),
    "lambda default in dataclass call kwarg, other module": swap(
        "import dataclasses, other\n@dataclasses.dataclass\nclass D:\n    a: object = None\n"
        "C = D(a=lambda x, g=other.g: g(x))" + USE + "C.a(x)\n", "2.0", "3.0", OTHER,
    ),
    "getattr on module, same module": swap(
        "import sys\ndef g(x):\n    return 2.0 * x" + USE
        + "getattr(sys.modules[__name__], 'g')(x)\n", "2.0", "3.0",
    ),
    "getattr on module, next module": swap(
        "import other\nN = 'g'" + USE + "getattr(other, N)(x)\n", "2.0", "3.0", OTHER
    ),
    "import_module in function": swap(
        "from importlib import import_module\nN = 'oth' + 'er'\ndef f(x):\n"
        "    return import_module(N).g(x)\n", "2.0", "3.0", OTHER,
    ),
    "local import in function": swap(
        "def f(x):\n    from other import g\n    return g(x)\n", "2.0", "3.0", OTHER
    ),
    "globals()[name]": swap(
        "def g(x):\n    return 2.0 * x\nN = 'g'" + USE + "globals()[N](x)\n", "2.0", "3.0"
    ),
    "sys.modules": swap(
        "import sys, other" + USE + "sys.modules['other'].g(x)\n", "2.0", "3.0", OTHER
    ),
    "module attribute of a module": swap(
        "import other" + USE + "other.inner.g(x)\n", "2.0", "3.0",
        "import types\ninner = types.SimpleNamespace()\ninner.g = lambda x: 2.0 * x\n",
    ),
    "method name string on object": swap(
        "class C:\n    def g(self, x):\n        return 2.0 * x\nN = 'g'" + USE
        + "getattr(C(), N)(x)\n", "2.0", "3.0",
    ),
    "dispatch by a string constant": swap(
        TABLE + "N = 'g'" + USE + "T[N](x)\n", "N = 'g'", "N = 'h'"
    ),
    "monkeypatched function in module": swap(
        "import other\nother.g = lambda x: 2.5 * x" + USE + "other.g(x)\n", "2.5", "3.0", OTHER
    ),
    "monkeypatched third-party function": swap(
        "import scipy.special\nscipy.special.agm = lambda x: 2.0 * x" + USE
        + "scipy.special.agm(x)\n", "2.0", "3.0",
    ),
    "environment variable": (
        Side("import os" + USE + "float(os.environ['LAB']) * x\n", variables={"LAB": "2.0"}),
        Side("import os" + USE + "float(os.environ['LAB']) * x\n", variables={"LAB": "3.0"}),
    ),
    "environment variable with a default": (
        Side("import os" + USE + "float(os.getenv('LAB', '1.0')) * x\n"),
        Side("import os" + USE + "float(os.getenv('LAB', '1.0')) * x\n", variables={"LAB": "3.0"}),
    ),
    "decorator syntax, body changed": swap(
        WRAP + "@d(2.0)\ndef f(x):\n    return g(x)\n", "a * g(x)", "a + g(x)"
    ),
    "decorator applied by call, body changed": swap(
        WRAP + "h = d(2.0)(g)" + USE + "h(x)\n", "a * g(x)", "a + g(x)"
    ),
    "decorator applied by call, added": swap(
        WRAP + "h = g" + USE + "h(x)\n", "h = g", "h = d(2.0)(g)"
    ),
    "decorator argument": swap(WRAP + "@d(2.0)\ndef f(x):\n    return g(x)\n", "2.0", "3.0"),
    "wraps-closure by call, argument": swap(WRAP + "h = d(2.0)(g)" + USE + "h(x)\n", "2.0", "3.0"),
    "jax.vmap by call, in_axes": swap(
        "import jax\nh = jax.vmap(lambda a, b: a - b.sum(), in_axes=(0, None))"
        + USE + "h(x, x)\n", "(0, None)", "(0, 0)",
    ),
    "jax.jit static partial by call": swap(
        "import jax\nfrom functools import partial\ndef g(a, x):\n    return a * x\n"
        "h = jax.jit(partial(g, 2.0))" + USE + "h(x)\n", "2.0", "3.0",
    ),
    "custom_jvp rule": swap(JVP, "2.0 * x[0]", "3.0 * x[0]"),
    "custom batching rule": swap(BATCH, "2.0 * x, True", "3.0 * x, True"),
    "singledispatch registration": swap(DISPATCH, "a: int", "a: str"),
    "data file loaded at import into float": (
        Side(READ + "A = read()" + USE + "A * x\n", files={"data.txt": "2.0"}),
        Side(READ + "A = read()" + USE + "A * x\n", files={"data.txt": "3.0"}),
    ),
    "data file loaded in the function": (
        Side(READ + USE + "read() * x\n", files={"data.txt": "2.0"}),
        Side(READ + USE + "read() * x\n", files={"data.txt": "3.0"}),
    ),
    "closure value of factory": swap(MAKE + "h = make(2.0)" + USE + "h(x)\n", "2.0", "3.0"),
    "two closures of one factory swapped": swap(
        MAKE + "h, k = make(2.0), make(3.0)" + USE + "h(x)\n", "h, k", "k, h"
    ),
    "class attribute set outside": swap(
        "class C:\n    a = 1.0\nC.a = 2.0" + USE + "C.a * x\n", "2.0", "3.0"
    ),
    "instance attribute on own-class instance with __slots__": swap(
        "class C:\n    __slots__ = ('a',)\nc = C()\nc.a = 2.0" + USE + "c.a * x\n", "2.0", "3.0"
    ),
    "global mutated through function": swap(
        "A = 1.0\ndef put(a):\n    global A\n    A = a\nput(2.0)" + USE + "A * x\n", "2.0", "3.0"
    ),
    "star import": swap("from other import *" + USE + "g(x)\n", "2.0", "3.0", OTHER),
    "own subclass of float": swap(
        "class F(float):\n    def __mul__(self, x):\n        return 2.0 * x\nA = F(1.0)"
        + USE + "A * x\n", "2.0", "3.0",
    ),
    "NamedTuple default": swap(
        "from typing import NamedTuple\nclass N(NamedTuple):\n    a: float = 2.0"
        + USE + "N().a * x\n", "2.0", "3.0",
    ),
    "callback to Python": swap(CALLBACK, "2.0", "3.0"),
    "what a module imports under a name": swap(
        "from other import g as h" + USE + "h(x)\n", "import g as", "import k as",
        OTHER + "def k(x):\n    return x + 1.0\n",
    ),
}  # fmt: skip

LONG = '"""A module."""\nTOLERANCE = 0.1\nA = 2.0\ndef helper(x):\n    """Doc."""\n    y = A * x\n'
LONG += "    return y + 1.0\ndef f(x):\n    # a comment\n    out = helper(x)\n    return out\n"
LONG += "def claim():\n    return TOLERANCE\n"

NOT_SEEN: dict[str, tuple[Side, Side]] = {
    "comment": swap(LONG, "# a comment", "# another\n\n    # and more"),
    "docstring of a function": swap(LONG, '"""Doc."""', '"""Longer\n    documentation."""'),
    "docstring of a module": swap(LONG, '"""A module."""', '"""A module of\n\nmuch."""'),
    "a tolerance": swap(LONG, "0.1", "0.2"),
    "a claim": swap(LONG, "return TOLERANCE", "return 2 * TOLERANCE"),
    "a local variable renamed": swap(LONG, "y", "total"),
    "a function renamed": swap(LONG, "helper", "assistant"),
    "moved within its file": (
        Side(LONG), Side(LONG.replace("TOLERANCE = 0.1\nA = 2.0\n", "A = 2.0\nTOLERANCE = 0.1\n"))
    ),
    "line breaks": swap(LONG, "return y + 1.0", "return (\n        y\n        + 1.0\n    )"),
}  # fmt: skip
