"""Names and formulas as parts of a sentence: mathematics in LaTeX between dollars, in plain words.

One rule for all that is shown: a name is a sentence. Whoever puts names together puts sentences
together; a formula without dollars becomes one here.
"""

import ast
import re

GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
    "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma",
    "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
)  # fmt: skip
# A longer index is a word.
MOST_OF_AN_INDEX = 3
SIGNS = {
    ast.Eq: "=", ast.NotEq: r"\neq", ast.Lt: "<", ast.LtE: r"\leq", ast.Gt: ">", ast.GtE: r"\geq",
    ast.In: r"\in", ast.NotIn: r"\notin", ast.Add: "+", ast.Sub: "-", ast.Mod: r"\bmod",
}  # fmt: skip
# How tightly an operator binds: sums, products, signs, powers.
BINDS = {ast.Add: 1, ast.Sub: 1, ast.Mod: 2, ast.Mult: 2, ast.Div: 2, ast.FloorDiv: 2, ast.Pow: 4}


def symbol(name: str) -> str:
    """The name of an axis or a quantity: Greek letters, single letters and their indices as
    mathematics, `n1` as n with index 1; others as words.
    """
    stem, _, index = name.partition("_")
    if not index and (found := re.fullmatch(r"([A-Za-z]+?)(\d+)", name)):
        stem, index = found.groups()
    letter = f"\\{stem}" if stem in GREEK else stem if len(stem) == 1 else ""
    if not letter or len(index) > MOST_OF_AN_INDEX:
        return name.replace("_", " ")
    script = f"_{{{index}}}" if len(index) > 1 else f"_{index}" if index else ""
    return f"${letter}{script}$"


def powered(name: str, power: float | int) -> str:
    """An axis to a power."""
    own = symbol(name)
    if power == 1:
        return own
    return f"{own[:-1]}^{{{power:g}}}$" if own.endswith("$") else f"{own}$^{{{power:g}}}$"


def sentence(formula: str) -> str:
    """A formula (LaTeX without its dollars, an expression, a name, plain words) as a sentence.

    What has dollars is one. What is an expression is written as LaTeX; what has a sign or a command
    of mathematics is taken for LaTeX; everything else is words.
    """
    if "$" in formula:
        return formula
    if re.fullmatch(r"\w*[A-Za-z_]\w*", formula):
        return symbol(formula)
    if "\\" not in formula:
        try:
            tree = ast.parse(formula.strip(), mode="eval").body
            plain = isinstance(tree, ast.Constant) and "e" not in formula
            return formula if plain else _joined(tree)
        except (SyntaxError, ValueError, TypeError):
            pass  # it is no expression
    if "\\" not in formula and re.search(r"[A-Za-z]{2,} +\w", formula):
        return formula
    if set(formula) & set(r"\^=<>+*/") or re.search(r"(?<![A-Za-z])[A-Za-z]_\w", formula):
        return f"${formula}$"
    return formula


def bracketed(own: str) -> str:
    """A sentence in brackets, unless it is one name or number."""
    one = r"\\?[A-Za-z0-9.]+(_(\w|\{\w+\}))?"
    closed = re.fullmatch(rf"\([^()]*\)|{one}|\${one}\$", own)
    return own if closed else f"({own})"


def _joined(tree: ast.expr) -> str:
    """Conditions joined by words, each in dollars of its own."""
    if isinstance(tree, ast.BoolOp):
        word = " and " if isinstance(tree.op, ast.And) else " or "
        return word.join(_joined(part) for part in tree.values)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return f"not {_joined(tree.operand)}"
    return f"${_latex(tree)}$"


def _latex(tree: ast.expr, around: int = 0) -> str:
    """The LaTeX of arithmetic; raises TypeError for what has none."""
    match tree:
        case ast.Constant(str(text)):
            return rf"\mathrm{{{text}}}".replace("_", r"\_").replace(" ", r"\ ")
        case ast.Constant():
            return _number(tree.value)
        case ast.Name():
            own = symbol(tree.id)
            return own[1:-1] if own.startswith("$") else _latex(ast.Constant(own))
        case ast.Tuple():
            return r"\{" + ", ".join(map(_latex, tree.elts)) + r"\}"
        case ast.UnaryOp(ast.USub()):
            less = f"-{_latex(tree.operand, 3)}"
            return f"({less})" if around > 1 else less
        case ast.Compare():
            chain = _latex(tree.left, 1)
            for sign, part in zip(tree.ops, tree.comparators, strict=True):
                chain += f" {SIGNS[type(sign)]} {_latex(part, 1)}"
            return chain
        case ast.BinOp():
            own_binding = BINDS[type(tree.op)]
            whole = _operation(tree, own_binding)
            return f"({whole})" if own_binding < around else whole
        case ast.Call(ast.Name("sqrt")):
            return rf"\sqrt{{{_latex(tree.args[0])}}}"
        case ast.Call(ast.Name("abs")):
            return f"|{_latex(tree.args[0])}|"
        case ast.Call(ast.Name(name)) if name in ("exp", "ln", "min", "max", "log10", "len"):
            command = {"log10": r"\log_{10}", "len": r"\mathrm{len}"}.get(name, f"\\{name}")
            return f"{command}({', '.join(map(_latex, tree.args))})"
        case ast.Call(ast.Name("floor" | "ceil" as name)):
            return rf"\l{name} {_latex(tree.args[0])} \r{name}"
    raise TypeError(f"{ast.dump(tree)} has no LaTeX")


def _operation(tree: ast.BinOp, binding: int) -> str:
    left, right = tree.left, tree.right
    match tree.op:
        case ast.Pow():
            base = _latex(left, binding + 1)
            return f"{base}^{{{_latex(right)}}}"
        case ast.Div():
            return f"{_latex(left, binding)}/{_latex(right, binding + 1)}"
        case ast.Mult():
            between = r" \cdot " if isinstance(right, ast.Constant) else r"\,"
            divided = isinstance(left, ast.BinOp) and isinstance(left.op, ast.Div)
            first = 0 if isinstance(left, ast.UnaryOp) else 3 if divided else binding
            return f"{_latex(left, first)}{between}{_latex(right, binding + 1)}"
        case ast.FloorDiv():
            return rf"\lfloor {_latex(left, 2)}/{_latex(right, 3)} \rfloor"
    return f"{_latex(left, binding)} {SIGNS[type(tree.op)]} {_latex(right, binding + 1)}"


def _number(value: object) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    digits, _, power = f"{value:g}".partition("e")
    if not power:
        return digits
    head = "" if digits == "1" else rf"{digits}\cdot "
    return f"{head}10^{{{int(power)}}}"
