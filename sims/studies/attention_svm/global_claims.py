"""Claims on the best tokens: what the paper's abstract says, and traps, a finding of this study."""

import numpy as np

from matsense.judging.claims import Claim, final, given, lasting, of, recorded
from matsense.judging.trends import Trend
from sims.studies.attention_svm import conditions as when
from sims.studies.attention_svm import laws

RECALLED = "tarzanagh2023svm (statements recalled, numbers of theorems not quoted)"
LANDSCAPE = "tarzanagh2023svm, abstract: over-parameterised, no stationary points"
STRONGER = "tarzanagh2023svm as once recalled here; its conditions for global convergence left out"
TRAPS = "derived: matsense.references.traps"
MEASURED = "measured at these sizes; the paper says only that it rises"

IN_TRAP = of("trap", seen=lambda q: q["own_lag"] > 1)
OUT_OF_TRAP = of("trap", seen=lambda q: q["own_lag"] < 1)
# A run that selects no best token at all follows no W_S, and has no lag.
ELSEWHERE = of("equal", seen=lambda q: q["best"] == 0 and "own_lag" in q)

global_claims = (
    Claim(
        "global/landscape",
        LANDSCAPE,
        r"equal non-optimal scores: $-\langle\nabla L(W),W_{mm}\rangle>0$, no stationary point",
        "equal non-optimal scores: -<grad L(W), W_mm> > 0 at every W, so no stationary point",
        "share of W with -<grad L(W), W_mm> > 0",
        of("landscape", where=lambda p: p["equal"] == 1),
        recorded(laws.positive),
        "equals",
        1.0,
        hypotheses=(when.EQUAL, when.OVERPARAMETERISED),
        remark="W: iterates of NGD, and random ones of norms 0.01 to 1e4",
        control=of("landscape", where=lambda p: p["equal"] == 0),
        control_of="unequal scores",
        source="abstract",
    ),
    Claim(
        "global/angle",
        "derived: matsense.theory.attention.descent_cosine",
        r"equal non-optimal scores: $\cos(-\nabla L(W),W_{mm})\geq 1/(R\,\|W_{mm}\|_F)$",
        "equal scores: cos(-grad L(W), W_mm) >= 1 / (R ||W_mm||), R = max ||x_opt - x_t|| ||z||",
        "least cos / its bound",
        of("landscape", where=lambda p: p["equal"] == 1),
        recorded(laws.steepness),
        "at least",
        1.0,
        1e-9,
        hypotheses=(when.EQUAL,),
        remark="W: iterates of NGD, and random ones of norms 0.01 to 1e4",
        control=of("landscape", where=lambda p: p["equal"] == 0),
        control_of="unequal scores",
        source="derived",
    ),
    Claim(
        "global/first-step",
        RECALLED + ": favourable first gradients",
        r"equal scores, the first step separates the best tokens: the run ends at them",
        "equal scores, the first step separates the best tokens of every input: NGD ends at them",
        "best tokens (1 or 0)",
        of("equal"),
        final("best"),
        "equals",
        1.0,
        hypotheses=(when.LONG, when.FAVOURABLE),
        control=IN_TRAP,
        control_of="NGD started in a trap",
        source="recalled",
    ),
    Claim(
        "global/unconditional",
        STRONGER,
        r"equal non-optimal scores alone: every run ends at the best tokens (not the paper's)",
        "equal non-optimal scores and no more (stronger than the paper): every run ends at the"
        " best tokens",
        "best tokens (1 or 0)",
        of("equal"),
        final("best"),
        "equals",
        1.0,
        hypotheses=(when.LONG, when.SEPARABLE, when.DECIDED),
        control=of("permuted"),
        control_of="labels permuted after training",
        source="recalled",
    ),
    Claim(
        "global/untrapped",
        TRAPS,
        r"equal non-optimal scores, no trap ($c\leq 1$): every run ends at the best tokens",
        "all non-optimal scores of an input equal, no trap: every run ends at the best tokens",
        "best tokens (1 or 0)",
        of("equal"),
        final("best"),
        "equals",
        1.0,
        hypotheses=(when.LONG, when.SEPARABLE, when.NO_TRAP, when.DECIDED),
        control=IN_TRAP,
        control_of="NGD started in a trap",
        source="derived",
    ),
    Claim(
        "global/trap",
        TRAPS,
        r"started in a trap ($c>1$), NGD never selects the best tokens",
        "equal scores: started along W_S with c > 1, NGD never selects all best tokens",
        "best tokens (1 or 0)",
        IN_TRAP,
        final("best"),
        "equals",
        0.0,
        hypotheses=when.FROM_FAR_OUT,
        remark="smallest margin times |c - 1| >= 5 (the others are excluded)",
        control=OUT_OF_TRAP,
        control_of="the same with c < 1",
        source="derived",
    ),
    Claim(
        "global/trap-lag",
        TRAPS,
        r"a run that ends elsewhere has left inputs behind by $c>1$",
        "equal scores: a run that ends elsewhere has left inputs behind by c > 1",
        "least lag c along W_S",
        ELSEWHERE,
        final("own_lag"),
        "at least",
        1.0,
        hypotheses=(when.LONG, when.OWN_DECIDED),
        control=OUT_OF_TRAP,
        control_of="starts with c < 1",
        source="derived",
    ),
    Claim(
        "global/trap-direction",
        TRAPS,
        r"a run that ends elsewhere follows $W_S$ of the inputs $S$ that it selects best",
        "equal scores: a run that ends elsewhere tends to W_S, S the inputs at their best tokens",
        "1 - corr(W, W_S) at the end",
        ELSEWHERE,
        laws.settling("to_left"),
        "at most",
        0.0,
        0.01,
        hypotheses=(when.LONG, when.OWN_DECIDED),
        control=OUT_OF_TRAP,
        control_of="starts along W_S with c < 1",
        source="derived",
    ),
    Claim(
        "global/dimension",
        MEASURED,
        r"the share of runs that end at the best tokens rises with $d$ (0.05 per e-fold or more)",
        "the share of runs that end at the best tokens rises with d",
        "rise of the share per e-fold of d",
        of("shares"),
        recorded(lambda run: float(np.ravel(run.quantities["best"])[0])),
        "at least",
        0.05,
        trend=Trend("slope", "d"),
        mode="in the mean",
        hypotheses=(
            lasting("eta first >= 150", lambda p: p["eta"] * p["first"] >= 150),
            given("n = T = 5", lambda p: p["n"] == p["T"] == 5),
            # A share cannot rise beyond 1: from d = 15 on it is 0.95 and more.
            given("4 <= d <= 15", lambda p: 4 <= p["d"] <= 15),
        ),
        control=of("permuted"),
        control_of="labels permuted after training",
        source="measured",
    ),
)
