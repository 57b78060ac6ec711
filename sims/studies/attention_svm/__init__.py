r"""Attention as a support vector machine, [tarzanagh2023svm] and [tarzanagh2023maxmargin].

Problem: softmax attention with a fixed head v on n inputs of T tokens X_i and a query z_i,
    L(W) = (1/n) sum_i l(Y_i v^T X_i^T softmax(X_i W z_i)): which token does each input select?
Algorithms: normalised and plain gradient descent on W and on (K, Q), W = K Q^T, with a gradient
    that does not cancel; points of the regularisation paths of both parameterisations.
Guarantees: W / ||W|| tends to W_a / ||W_a||, W_a the max-margin solution of a locally optimal
    choice of tokens a; the path over (K, Q) tends to the nuclear solution (abstract read, theorems
    recalled). Rates are derived in `matsense.theory.attention`, traps in
    `matsense.references.attention.traps`. Each run is held against certified max-margin solutions
    of its own instance.
References: Tarzanagh, Li, Thrampoulidis, Oymak, Transformers as Support Vector Machines, arXiv
    2308.16898; Tarzanagh, Li, Zhang, Oymak, Max-Margin Token Selection, arXiv 2306.13596.
Example: `python -m sims.sweep attention_svm --set shares.d=5,12`.
"""

from sims.studies.attention_svm.claims import claims
from sims.studies.attention_svm.figure import panels, papers
from sims.studies.attention_svm.trials import sweeps
from sims.study import paper

study = paper(
    "Attention as a support vector machine",
    "Tarzanagh, Li, Thrampoulidis, Oymak, arXiv 2308.16898",
    cite="tarzanagh2023svm",
    sweeps=sweeps,
    claims=claims,
    panels=panels,
    further={"paper": papers},
)
