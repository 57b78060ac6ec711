"""One sentence in three notations."""

from xml.etree import ElementTree

import pytest
from matplotlib.mathtext import MathTextParser

from matsense.judging.formulas import bracketed, powered, sentence, symbol
from sims.figures.notation import mathml, mathtext, plain
from sims.study import available, load

SENTENCES = sorted(
    {
        text
        for name in available()
        for claim in load(name).claims
        for text in (claim.statement, claim.plain, claim.measured, claim.control_of)
    }
)


@pytest.mark.parametrize(
    ("latex", "unicode"),
    [
        (r"the rate is $\sim\alpha^2$: a curse", "the rate is ~ α²: a curse"),
        (r"$e_T=\exp(-\Omega(T))$", "e_T = exp(-Ω(T))"),
        (r"$-2\ln(1-\eta\sigma_r)$", "-2 ln(1 - ησᵣ)"),
        (r"$(2\eta T)^2 e_T\to k-r$", "(2ηT)²e_T → k - r"),
        (r"$\alpha^{2-O(\delta)}$", "α^(2-O(δ))"),
        (r"$x_{i+1}-x_i$", "xᵢ₊₁ - xᵢ"),
        (r"$\frac{a+b}{2}c$", "((a + b)/2)c"),
        (r"$\frac12\ln d/\ln\ln d$", "½ ln d/ln ln d"),
        (r"$\|W_{mm}\|_F\leq R^*$", "‖W_mm‖_F ≤ R*"),
        (r"$\sqrt{dk/m}\,(1-p)$, $\sqrt m$", "√(dk/m)(1 - p), √m"),
        (r"$C\,W$ and $KQ^\top$", "C W and KQᵀ"),
        (r"$2-$exponent $=\max(a,b)$", "2 - exponent = max(a, b)"),
        (r"it costs 5\$, or $5", "it costs 5$, or $5"),
        ("x < y & 50%", "x < y & 50%"),
    ],
)
def test_mathematics_for_a_terminal(latex: str, unicode: str) -> None:
    assert plain(latex) == unicode


@pytest.mark.parametrize("text", SENTENCES)
def test_every_sentence_of_every_study_has_three_notations(text: str) -> None:
    shown = plain(text)
    assert not set(shown) & set("\\${}\n"), shown
    page = mathml(text)
    told = "".join(ElementTree.fromstring(f"<p>{page}</p>").itertext())
    assert "\\" not in told and "$" not in told
    assert page.count("<math") == text.count("$") // 2
    figure = mathtext(text)
    assert figure.count("$") == text.count("$"), "it was not drawn as mathematics"
    MathTextParser("path").parse(figure)


def test_what_is_no_latex_stays_readable() -> None:
    for text in (r"$\frac{a$ b", r"$\nosuchcommand{x}$", r"$a^{b$", r"$x_$", r"$\begin{x}$", "$$"):
        assert "\\" not in plain(text)
        MathTextParser("path").parse(mathtext(text))
        ElementTree.fromstring(f"<p>{mathml(text)}</p>")


def test_a_page_shows_what_it_is_given_and_obeys_nothing() -> None:
    page = mathml(r"<script>x</script> & $a<b$ \$")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page and "&amp;" in page and page.endswith("$")
    assert "ln</mi><mi>d" not in mathml(r"$\ln d$"), "a name runs into its letter"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("k > r and m <= n**2 / 2", r"$k > r$ and $m \leq n^{2}/2$"),
        ("2*eta*t", r"$2\,\eta\,t$"),
        ("-2*ln(1-eta*sigma_r)", r"$-2\,\ln(1 - \eta\,\sigma_r)$"),
        ("a/b*c - (d - e)", r"$(a/b)\,c - (d - e)$"),
        ("method == 'GD'", r"$\mathrm{method} = \mathrm{GD}$"),
        (r"-2\ln(1-\eta)", r"$-2\ln(1-\eta)$"),
        ("law of R^2", "law of R^2"),
        ("the rate of $R^2$", "the rate of $R^2$"),
        ("squared_error", "squared error"),
        ("0.5", "0.5"),
        ("1e-07", "$10^{-7}$"),
        ("exact rate", "exact rate"),
    ],
)
def test_a_formula_is_a_sentence(formula: str, expected: str) -> None:
    assert sentence(formula) == expected
    MathTextParser("path").parse(expected)


def test_names_of_axes() -> None:
    assert [symbol(name) for name in ("alpha", "n1", "e_t", "k", "steps", "balance_of")] == [
        r"$\alpha$", "$n_1$", "$e_t$", "$k$", "steps", "balance of",
    ]  # fmt: skip
    assert powered("alpha", 2) == r"$\alpha^{2}$"
    assert [bracketed(own) for own in ("$x$", r"$\alpha$", "$a/b$", "rate", "($x$)")] == [
        "$x$", r"$\alpha$", "($a/b$)", "rate", "($x$)",
    ]  # fmt: skip
