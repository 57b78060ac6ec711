r"""One sentence in three notations: Unicode for terminals, MathML for pages, mathtext for figures.

A sentence is plain words with mathematics between dollars, in LaTeX: `the rate is $\sim\alpha^2$`;
a dollar that is one is `\$`. What does not convert stays readable: nothing here raises.
"""

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any
from xml.etree import ElementTree

RAISED = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθφχ⊤",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿᵠᵡᵀ",
        strict=True,
    )
)
LOWERED = dict(
    zip(
        "0123456789+-=()aehijklmnoprstuvxβγρφχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ",
        strict=True,
    )
)
# Words of mathematics, which stand apart from the letters beside them.
NAMED = (
    "arg", "cos", "cosh", "det", "dim", "exp", "gcd", "inf", "ker", "lim", "ln", "log", "max",
    "min", "sin", "sinh", "sup", "tan", "tanh", "Pr", "deg",
)  # fmt: skip
SPACES = frozenset((",", ";", ":", " ", "quad", "qquad", "enspace", "thinspace"))
THIN = "\N{THIN SPACE}"
# Before a fraction that is written with a slash.
SLASHED = "\N{FRACTION SLASH}"
SILENT = {
    "!",
    "left",
    "right",
    "big",
    "Big",
    "bigl",
    "bigr",
    "Bigl",
    "Bigr",
    "displaystyle",
    "limits",
}
UPRIGHT = {"mathrm", "text", "operatorname", "mathbf", "mathit", "mathcal", "mathsf", "mathtt"}
SIGNS = {"sim": "~", "|": "‖", "Vert": "‖", "ll": "≪", "gg": "≫", "ell": "ℓ", "varepsilon": "ε",
         "colon": ":", "mid": "|", "setminus": "∖", "odot": "⊙", "dots": "…", "ldots": "…",
         "cdots": "…", **{sign: sign for sign in "{}%$_&#"}}  # fmt: skip
RELATIONS = frozenset("=<>≤≥≠~≈≃≅≡∝→←↦⇒≲≳≪≫∈∉⊂⊆:")
OPENING, CLOSING = frozenset("([{⟨"), frozenset(")]}⟩,;.!…")


def parts(sentence: str) -> list[tuple[bool, str]]:
    """Words and mathematics in turn, (is it mathematics, text); a lone dollar is a dollar."""
    split = re.split(r"(?<!\\)\$", sentence)
    if len(split) % 2 == 0:
        split = [*split[:-2], "$".join(split[-2:])]
    found = [(index % 2 == 1, text) for index, text in enumerate(split)]
    return [(math, text if math else text.replace(r"\$", "$")) for math, text in found if text]


@cache
def plain(sentence: str) -> str:
    """The sentence in Unicode, on one line, without a dollar or a command of its mathematics.

    One without mathematics is left as it is: whoever shows it escapes each of its signs.
    """
    if "$" not in sentence:
        return sentence
    text = "".join(_read(text) if math else text for math, text in parts(sentence))
    return " ".join(text.split())


@cache
def mathml(sentence: str) -> str:
    """The sentence in HTML, its mathematics in MathML; everything else is escaped."""
    return "".join(
        _marked_up(text) if math else html.escape(text) for math, text in parts(sentence)
    )


@cache
def mathtext(sentence: str) -> str:
    """The sentence for matplotlib; what its mathtext cannot draw is in Unicode instead."""
    from matplotlib.mathtext import MathTextParser

    try:
        text = "".join(
            f"${_drawable(text)}$" if math else text.replace("$", r"\$")
            for math, text in parts(sentence)
        )
        MathTextParser("path").parse(text)
    except ValueError:
        return plain(sentence).replace("$", r"\$")
    return text


def wrapped(sentence: str, width: int) -> list[str]:
    """The sentence for matplotlib in lines of about so many letters; mathematics is not broken."""
    lines: list[str] = []
    for word in re.findall(r"(?:\\\$|\$(?:\\\$|[^$])*\$|[^ \n$]|\$)+", sentence):
        both = f"{lines[-1]} {word}" if lines else word
        if lines and len(plain(both)) <= width:
            lines[-1] = both
        else:
            lines.append(word)
    return [mathtext(line) for line in lines]


def _drawable(latex: str) -> str:
    """What matplotlib knows under another name."""
    latex = re.sub(r"\\(text|operatorname|mathsf|mathtt)\b", r"\\mathrm", latex)
    return re.sub(
        r"\\tfrac\b", r"\\frac", re.sub(r"\\(frac|tfrac)(\d)(\d)", r"\\frac{\2}{\3}", latex)
    )


def _marked_up(latex: str) -> str:
    from latex2mathml.converter import convert

    known = re.sub(r"\\arg\b", r"\\mathrm{arg}\\,", latex)
    # MathML puts no space between a function's name and a letter after it.
    named = "|".join(NAMED)
    script = r"(?:[_^](?:\w|\{[^{}]*\}))*"
    known = re.sub(rf"(\\(?:{named}){script})\s*(?=[A-Za-z0-9]|\\[a-z])", r"\1\\,", known)
    known = re.sub(r"\\(ln|exp|log)\\,\\(big|left|frac)", r"\\\1\\\2", known)
    try:
        found = str(convert(known))
        told = "".join(ElementTree.fromstring(found).itertext())
    except Exception:
        # It parses LaTeX of any kind, and fails on what is none in ways of its own.
        return html.escape(_read(latex))
    return html.escape(_read(latex)) if "\\" in told else found


def _read(latex: str) -> str:
    from pylatexenc.latexwalker import LatexWalker

    try:
        nodes = LatexWalker(latex, tolerant_parsing=True).get_latex_nodes()[0]
        text = _spaced(_tokens(nodes))
    except Exception:
        # A text that is no LaTeX.
        text = latex
    return text.replace("\\", "").replace("$", "")


def _tokens(nodes: Sequence[Any]) -> list[str]:
    """Letters, numbers, names and signs; a script belongs to what it follows."""
    found: list[str] = []
    script = ""
    for node in nodes:
        for token in _tokens_of(node):
            if token in ("^", "_") and not script:
                script = token
            elif script:
                # The argument of a script is one token, or one group, whose tokens come joined.
                _attach(found, script, token)
                script = ""
            else:
                found.append(token)
    return found


def _attach(found: list[str], script: str, token: str) -> None:
    """Adds a superscript or a subscript to the last token."""
    inner = token.removeprefix("{").removesuffix("}") if token.startswith("{") else token
    table = RAISED if script == "^" else LOWERED
    tight = inner.replace(" ", "")
    # Small letters in a row are hard to read, and brackets among them harder.
    legible = sum(letter.isalpha() for letter in tight) <= 1 and not set(tight) & set("()")
    if script == "^" and inner in ("*", "'", "′"):
        text = inner
    elif legible and all(letter in table for letter in tight):
        text = "".join(table[letter] for letter in tight)
    elif len(inner) == 1 or (script == "_" and inner.isalnum()):
        text = f"{script}{inner}"
    else:
        text = f"{script}({inner if '=' in inner or len(inner) > 8 else tight})"
    if found and found[-1].startswith(SLASHED):
        found[-1] = f"({found[-1][1:]}){text}"
    elif found:
        found[-1] += text
    else:
        found.append(text)


def _tokens_of(node: Any) -> list[str]:
    from pylatexenc.latexwalker import (
        LatexCharsNode,
        LatexGroupNode,
        LatexMacroNode,
        LatexSpecialsNode,
    )

    if isinstance(node, LatexCharsNode):
        return re.findall(r"\d+(?:\.\d+)?|\S", node.chars)
    if isinstance(node, LatexSpecialsNode):
        return [node.specials_chars]
    if isinstance(node, LatexGroupNode):
        # One token, so that a script before it takes all of it.
        return ["{" + _spaced(_tokens(node.nodelist)).rstrip() + "}"]
    if isinstance(node, LatexMacroNode):
        return _of_macro(node)
    return [node.latex_verbatim()]


def _of_macro(node: Any) -> list[str]:
    from pylatexenc.latex2text import LatexNodes2Text

    name = node.macroname
    given = node.nodeargd.argnlist if node.nodeargd is not None else None
    own = [_inside(argument) for argument in given or () if argument is not None]
    if name in SPACES:
        return [THIN]
    if name in SILENT:
        return []
    if name in NAMED:
        return [name]
    if name in UPRIGHT and own:
        return [own[0]]
    if name in ("frac", "tfrac", "dfrac") and len(own) == 2:
        slashed = "/".join(map(_closed, own))
        return [{"1/2": "½", "1/4": "¼", "3/4": "¾"}.get(slashed, SLASHED + slashed)]
    if name == "sqrt" and own:
        return [f"√{_closed(own[-1])}"]
    if name in SIGNS:
        return [SIGNS[name]]
    return [LatexNodes2Text(math_mode="text").nodelist_to_text([node]).strip()]


def _inside(node: Any) -> str:
    """The text of an argument."""
    nodes = node.nodelist if hasattr(node, "nodelist") else [node]
    return _spaced(_tokens(nodes)).rstrip()


def _closed(text: str) -> str:
    """In brackets, if it is more than one letter, name or number."""
    return text if re.fullmatch(r"\w+|\d+\.\d+", text) else f"({text})"


def _spaced(tokens: Sequence[str]) -> str:
    """Tokens in a line: relations and names stand apart, and signs between two operands."""
    text = ""
    for last, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        own, before = token, text[-1:]
        if own.startswith(SLASHED):
            # Otherwise what follows would stand under the line.
            own = f"({own[1:]})" if after[:1].isalnum() or after[:1] in OPENING else own[1:]
        if own[:1] == "{" and len(own) > 1:
            own = own[1:-1]
        if own in RELATIONS:
            text += f" {own} " if text else f"{own} "
        elif own in ("+", "-", "±") and before and before not in OPENING and before not in " ,":
            text += f" {own} "
        elif own in (",", ";"):
            text = text.rstrip() + f"{own} "
        elif _apart(last, own, before):
            text += f" {own}"
        else:
            text += own
    return re.sub(r" +", " ", re.sub(rf"{THIN}(?=\()", "", text).replace(THIN, " ")).lstrip()


def _apart(last: str, token: str, before: str) -> bool:
    """Whether a space goes before a token: a name, or what a name is of."""
    if _is_name(token):
        return bool(before) and (before.isalnum() or before in CLOSING)
    return _is_name(last) and token[:1] not in OPENING and token[:1] not in CLOSING


def _is_name(token: str) -> bool:
    """Whether a word such as ln stands there, with or without a script."""
    bare = re.match(r"[A-Za-z]+", token)
    return bare is not None and len(bare[0]) > 1
