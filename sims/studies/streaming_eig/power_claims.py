"""Claims on methods with bounded memory, [kacham2024] and [price2024], and on D2, D3, D9."""

from collections.abc import Callable

from matsense.claims import Claim, Run, recorded
from matsense.trends import Nested, Trend
from sims.studies.streaming_eig import power_laws as own
from sims.studies.streaming_eig.laws import ROUNDING, of

UPPER = "kacham2024, abstract level; method and instances reconstructed"
LOWER = "kacham2024, abstract level; instance reconstructed, law derived"
SKETCH = "price2024, abstract level; ghashami2016"
SIN2 = recorded(own.value)
SORTED = "v1's energy in the first half of the stream"


def method(sweep: str, name: str, order: str = "random") -> Callable[[Run], bool]:
    """Runs of a sweep with one method and one order."""
    return of(sweep, where=lambda p: p["method"] == name and p.get("order", "random") == order)


def plain(sweep: str, order: float = 0.0) -> Callable[[Run], bool]:
    """Runs of the plain block power method in random or in grouped order."""
    return of(sweep, where=lambda p: p["grouped"] == order)


def threshold(axis: str) -> Nested:
    """How the gap moves along an axis at which sin^2 falls through 1/2, seed by seed."""
    return Nested(Trend("crossing", "R", level=own.LOST), Trend("scaling", axis))


def upper(name: str, plain: str, suffix: str = "") -> Claim:
    """kw-upper for one mode of the block power method."""
    return Claim(
        f"kw-upper{suffix}",
        UPPER,
        r"random order: $\sin^2\leq C/\sqrt{R}$ in $O(hd\,\mathrm{polylog}\,d)$ numbers, $C=1$",
        plain,
        "sin^2 sqrt(R)",
        method("power", name),
        recorded(own.in_upper_units),
        "at most",
        own.UPPER,
        assumes="light rows alone, heavy alone, both; C = 1 fixed beforehand",
        control=method("half", "oracle", "energy"),
        control_of=SORTED,
    )


claims = (
    upper("oracle", "random order: the block power method has sin^2 <= 1 / sqrt(R)"),
    upper(
        "guessed",
        "the same with ||A||_F guessed in powers of 2",
        "/guessed",
    ),
    Claim(
        "kw-upper/slope",
        "derived: D2 and D3 (kacham2024's bound is 1/sqrt(R))",
        r"random order: $\sin^2$ falls like $1/R$ or faster",
        "random order: sin^2 of the block power method falls like 1 / R or faster",
        "exponent of sin^2 in R",
        method("power", "oracle"),
        SIN2,
        "at most",
        -1.0,
        0.1,
        trend=Trend("scaling", "R"),
        mode="in the mean",
        control=method("half", "oracle", "energy"),
        control_of=SORTED,
    ),
    Claim(
        "kw-upper/memory",
        UPPER,
        r"heavy rows take $hd$ of $O(hd\,\mathrm{polylog}\,d)$ numbers: linear in $h$",
        "the numbers stored for heavy rows grow like h",
        "exponent of the numbers in h",
        of("memory", where=lambda p: p["belief"] == 1),
        recorded(lambda run: own.value(run, "heavy_numbers")),
        "equals",
        1.0,
        0.05,
        trend=Trend("scaling", "h"),
        mode="in the mean",
        control=of("memory", where=lambda p: p["belief"] < 1),
        control_of="||A||_F^2 believed 256 times too small: all rows are heavy",
    ),
    Claim(
        "kw-lower",
        LOWER,
        r"forgetting the row that matters leaves $\sin^2=1/R^2$: a plateau, not a proof",
        "an algorithm that forgets the row that matters ends at sin^2 = 1 / R^2 (not a proof)",
        "sin^2 R^2",
        of("forgotten", where=lambda p: p["keeps"] == 0),
        recorded(own.in_row_energy),
        "equals",
        1.0,
        0.1,
        hypotheses=lambda p: p["R"] >= 32,
        assumes="R >= 32, the energy of the special row (the gap is R / 2 to R / 4)",
        control=of("forgotten", where=lambda p: p["keeps"] > 0),
        control_of="the row is kept",
    ),
    Claim(
        "D2",
        "derived",
        r"any rows $B$, top vector $u$: $\sin^2(u,v_1)\leq\lambda_2/\sigma_1(B)^2\leq 1/(fR)$",
        "subset lemma: sin^2(u, v1) <= lambda_2 / sigma_1(B)^2 <= 1 / (f R)",
        "largest sin^2 / bound over 18 subsets a run",
        of("subsets", where=lambda p: p["foreign"] == 0),
        recorded(own.worst),
        "at most",
        1.0,
        ROUNDING,
        control=of("subsets", where=lambda p: p["foreign"] > 0),
        control_of="rows that are not the matrix's: coordinates turned by one place",
    ),
    Claim(
        "D3",
        "derived",
        r"light rows: $\sin^2=(t-1)\sum_i\langle a_i,v_1\rangle^2\|Pa_i\|^2/\lambda_1^2$",
        "light rows, random order: block power's mean sin^2 = (t - 1) sum / lambda_1^2",
        "mean over orders / law",
        plain("blocks"),
        own.over_limit,
        "equals",
        1.0,
        0.12,
        control=plain("blocks", 1.0),
        control_of="rows by falling energy along v1",
    ),
    Claim(
        "D3/more",
        "derived",
        r"more blocks than needed hurt: $\sin^2\propto t-1$",
        "more blocks than needed hurt: sin^2 ~ t - 1",
        "exponent of mean sin^2 in t - 1",
        plain("more_blocks"),
        recorded(lambda run: own.value(run, "mean")),
        "equals",
        1.0,
        0.1,
        trend=Trend("scaling", "blocks", read=own.after_the_first),
        mode="in the mean",
        control=plain("more_blocks", 1.0),
        control_of="rows by falling energy along v1",
    ),
    Claim(
        "D3/needed",
        "derived",
        r"blocks needed: $\ln d/(2\ln R)+O(1)$",
        "ln d / (2 ln R) + 2 blocks suffice for sin^2 <= 1/2; one fewer than the first term do not",
        "median sin^2 over orders and starts",
        of("few_blocks"),
        recorded(lambda run: own.value(run, "median")),
        "at most",
        own.LOST,
        hypotheses=lambda p: own.spare_blocks(p) >= 2,
        assumes="O(1) = 2, fixed beforehand",
        control=of("few_blocks", where=lambda p: own.spare_blocks(p) <= -1),
        control_of="ln d / (2 ln R) - 1 blocks or fewer",
    ),
    Claim(
        "D9",
        "derived",
        r"a share $s$ of the rows $\sqrt{R/h}\,e_1+f_i$ is kept: $\sin^2=(1/s-1)/R$",
        "a share s of the rows sqrt(R/h) e_1 + f_i is kept: sin^2 = (1/s - 1) / R",
        "sin^2 / law",
        of("kept"),
        SIN2,
        "equals",
        own.kept_law,
        0.2,
        hypotheses=lambda p: p["s"] * p["R"] >= 8,
        assumes="s R >= 8",
        control=of("kept", where=lambda p: p["s"] * p["R"] <= 1),
        control_of="s R <= 1, where the law's O(1/R^2) is all",
    ),
    Claim(
        "mergeable/l",
        SKETCH,
        r"Frequent Directions needs $R\sim d/l$: in $l$",
        "Frequent Directions finds v1 above R ~ d / l: in l",
        "exponent of the threshold in l",
        of("directions_l"),
        SIN2,
        "equals",
        -1.0,
        0.15,
        trend=threshold("l"),
        mode="in the mean",
        control=of("one_sketch"),
        control_of="6 rows whatever l",
    ),
    Claim(
        "mergeable/d",
        SKETCH,
        r"Frequent Directions needs $R\sim d/l$: in $d$",
        "Frequent Directions finds v1 above R ~ d / l: in d",
        "exponent of the threshold in d",
        of("directions_d"),
        SIN2,
        "equals",
        1.0,
        0.15,
        trend=threshold("d"),
        mode="in the mean",
        control=of("one_tail"),
        control_of="a tail in one number of directions whatever d is",
    ),
    Claim(
        "mergeable",
        SKETCH,
        r"$R\ll d/l$: Frequent Directions loses $v_1$",
        "Frequent Directions loses v1 at R <= d / (8 l)",
        "sin^2",
        method("equal_memory", "directions"),
        SIN2,
        "at least",
        own.LOST,
        control=method("equal_memory", "rates"),
        control_of="Oja at many rates, in no more numbers",
    ),
    Claim(
        "mergeable/oja",
        SKETCH,
        r"$R\ll d/l$: Oja with as many stored numbers finds $v_1$",
        "Oja at many rates, chosen by growth, in no more numbers, finds v1 at R <= d / (8 l)",
        "sin^2",
        method("equal_memory", "rates"),
        SIN2,
        "at most",
        own.LOST,
        control=method("equal_memory", "directions"),
        control_of="Frequent Directions",
    ),
    Claim(
        "order/half",
        "derived",
        r"$v_1$'s energy in the first half: block power ends at $\sin^2=1$",
        "v1's energy in the first half of the stream: block power ends at sin^2 = 1",
        "sin^2",
        method("half", "oracle", "energy"),
        SIN2,
        "at least",
        0.99,
        control=method("half", "oracle"),
        control_of="the same rows shuffled",
    ),
    Claim(
        "order/half/shuffled",
        "derived",
        r"the same rows shuffled: block power has $\sin^2\leq 1/\sqrt{R}$",
        "the same rows shuffled: block power has sin^2 <= 1 / sqrt(R)",
        "sin^2 sqrt(R)",
        method("half", "oracle"),
        recorded(own.in_upper_units),
        "at most",
        own.UPPER,
        control=method("half", "oracle", "energy"),
        control_of=SORTED,
    ),
    Claim(
        "order/half/oja",
        "derived: D0",
        r"Oja survives in both orders: $\sin^2\leq\eta\lambda_2/2$",
        "v1's energy in the first half, or shuffled: Oja has sin^2 <= eta lambda_2 / 2",
        "sin^2 / (eta lambda_2 / 2)",
        of("half", where=lambda p: p["method"] == "oja"),
        recorded(own.over_certificate),
        "at most",
        1.0,
        0.01,
        assumes="eta = 3 ln d / lambda_1; 1% for the start's e^-s",
        control=method("half", "oracle", "energy"),
        control_of="the block power method",
    ),
)
