"""Claims on methods with bounded memory, [kacham2024] and [price2024], and on D2, D3, D9."""

from collections.abc import Callable

from matsense.judging.claims import Claim, Condition, Run, given, lasting, of, recorded
from matsense.judging.trends import Nested, Trend
from matsense.solvers.streaming.block_power import level_of
from sims.studies.streaming_eig import power_laws as own
from sims.studies.streaming_eig.laws import ROUNDING
from sims.studies.streaming_eig.power_trials import CAPACITY, GUESSES

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


# Hypotheses that several claims share.
LONG = lasting("n >= 80 d ln d", lambda p: p["n"] >= 80 * level_of(p["d"]))
ROOM = given(f"h <= {CAPACITY}", lambda p: p["h"] <= CAPACITY)
RANDOM = (
    LONG,
    ROOM,
    given("R >= 4", lambda p: p["R"] >= 4),
    given("||A||_F^2 is known", lambda p: p["belief"] == 1),
)
GUESSED = given(
    f"2^{GUESSES[0]} <= ||A||_F^2 <= 2^{GUESSES[1]}",
    lambda p: 2.0 ** GUESSES[0] <= own.energy(p) <= 2.0 ** GUESSES[1],
)
HALF = (
    given("no heavy row carries v1", lambda p: p["share"] == 0),
    given("at most half of the rows carry v1", lambda p: p["carriers"] <= 0.5),
)
SAMPLED = given("20 rows across v1 or more are sampled in the mean", lambda p: own.sampled(p) >= 20)
SETTLED = (
    given("R >= 4", lambda p: p["R"] >= 4),
    given("three blocks beyond ln d / (2 ln R), or more", lambda p: own.spare_blocks(p) >= 3),
    lasting("(t - 1)(d - 1) / (n R) <= 0.05", lambda p: own.flat_limit(p) <= 0.05),
)
SKETCHED = (
    given("a tail in all d directions", lambda p: p["tail"] == 0),
    given("l >= 4", lambda p: p["l"] >= 4),
    given("d >= 12 l", lambda p: p["d"] >= 12 * p["l"]),
    lasting("n >= 5 d", lambda p: p["n"] >= 5 * p["d"]),
)
STARVED = (
    given("R <= d / (8 l)", lambda p: p["R"] <= p["d"] / (8 * p["l"])),
    given("l >= 3", lambda p: p["l"] >= 3),
    given("d >= 64 l", lambda p: p["d"] >= 64 * p["l"]),
    given("a tail in all d directions", lambda p: p["tail"] == 0),
    lasting("n >= 10 d", lambda p: p["n"] >= 10 * p["d"]),
)


def upper(name: str, plain: str, suffix: str = "", more: tuple[Condition, ...] = ()) -> Claim:
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
        hypotheses=(*RANDOM, *more),
        remark="light rows alone, heavy alone, both; C = 1 fixed beforehand",
        control=method("half", "oracle", "energy"),
        control_of=SORTED,
        source="abstract",
    )


claims = (
    upper("oracle", "random order: the block power method has sin^2 <= 1 / sqrt(R)"),
    upper(
        "guessed",
        "the same with ||A||_F guessed in powers of 2",
        "/guessed",
        (GUESSED,),
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
        hypotheses=RANDOM,
        control=method("half", "oracle", "energy"),
        control_of=SORTED,
        source="derived",
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
        hypotheses=(
            LONG,
            ROOM,
            given(
                "the heavy rows have ||a||^2 >= ||A||_F^2 / (d ln d)", lambda p: own.heavy(p) >= 1
            ),
        ),
        control=of("memory", where=lambda p: p["belief"] < 1),
        control_of="||A||_F^2 believed 256 times too small: all rows are heavy",
        source="abstract",
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
        hypotheses=(
            given("R >= 32, the energy of the special row", lambda p: p["R"] >= 32),
            given("h >= 32", lambda p: p["h"] >= 32),
            given("q >= 64", lambda p: p["q"] >= 64),
        ),
        remark="the gap is R / 2 to R / 4; the paper speaks of every algorithm",
        control=of("forgotten", where=lambda p: p["keeps"] > 0),
        control_of="the row is kept",
        source="derived",
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
        source="derived",
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
        hypotheses=SETTLED,
        control=plain("more_blocks", 1.0),
        control_of="rows by falling energy along v1",
        source="derived",
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
        hypotheses=SETTLED,
        control=plain("more_blocks", 1.0),
        control_of="rows by falling energy along v1",
        source="derived",
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
        hypotheses=(
            given("two blocks beyond ln d / (2 ln R), or more", lambda p: own.spare_blocks(p) >= 2),
            given("R >= 2", lambda p: p["R"] >= 2),
            given("16 orders or more", lambda p: p["trials"] >= 16),
            lasting("(t - 1)(d - 1) / (n R) <= 0.15", lambda p: own.flat_limit(p) <= 0.15),
        ),
        remark="O(1) = 2, fixed beforehand",
        control=of("few_blocks", where=lambda p: own.spare_blocks(p) <= -1),
        control_of="ln d / (2 ln R) - 1 blocks or fewer",
        source="derived",
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
        hypotheses=(
            given("s R >= 8", lambda p: p["s"] * p["R"] >= 8),
            given("s < 1", lambda p: p["s"] < 1),
            given("s h is whole", lambda p: abs(p["s"] * p["h"] - round(p["s"] * p["h"])) < 1e-9),
        ),
        control=of("kept", where=lambda p: p["s"] * p["R"] <= 1),
        control_of="s R <= 1, where the law's O(1/R^2) is all",
        source="derived",
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
        hypotheses=SKETCHED,
        control=of("one_sketch"),
        control_of="6 rows whatever l",
        source="abstract",
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
        hypotheses=SKETCHED,
        control=of("one_tail"),
        control_of="a tail in one number of directions whatever d is",
        source="abstract",
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
        hypotheses=STARVED,
        control=method("equal_memory", "rates"),
        control_of="Oja at many rates, in no more numbers",
        source="abstract",
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
        remark="rates 1, 2, 4 ... times ln d / lambda_1, growth ln d (theirs: 10 ln d)",
        hypotheses=(*STARVED, given("R >= 4", lambda p: p["R"] >= 4)),
        control=method("equal_memory", "directions"),
        control_of="Frequent Directions",
        source="abstract",
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
        hypotheses=(*RANDOM, *HALF, SAMPLED),
        control=method("half", "oracle"),
        control_of="the same rows shuffled",
        source="derived",
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
        hypotheses=(*RANDOM, *HALF),
        control=method("half", "oracle", "energy"),
        control_of=SORTED,
        source="derived",
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
        remark="eta = 3 ln d / lambda_1; 1% for the start's e^-s",
        hypotheses=(
            given("d >= 20", lambda p: p["d"] >= 20),
            given("R <= 4096", lambda p: p["R"] <= 4096),
        ),
        control=method("half", "oracle", "energy"),
        control_of="the block power method",
        source="derived",
    ),
)
