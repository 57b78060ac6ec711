"""Attention as a support vector machine, [tarzanagh2023svm] and [tarzanagh2023maxmargin].

Problem: softmax attention with a fixed head on random tokens; which token does each input select?
Algorithms: NGD and GD on W and on (K, Q), with a gradient that does not cancel; points of the
regularisation paths of both parameterisations.
Guarantees: of the papers, their abstracts read and their theorems recalled; the rates derived in
`matsense.theory.attention`, the traps in `matsense.references.traps`. Each run is held against
certified max-margin solutions of its own instance.
Example: `python -m sims.sweep attention_svm --set shares.d=5,12`.
"""

from sims.studies.attention_svm import claims, figure, laws, paper, sweeps
from sims.study import Study

study = Study(
    title="Attention as a support vector machine",
    paper="Tarzanagh, Li, Thrampoulidis, Oymak, arXiv 2308.16898",
    cite="tarzanagh2023svm",
    sweeps=sweeps.sweeps,
    claims=claims.claims,
    draw=figure.draw,
    fit=laws.fit,
    predicted=laws.predicted,
    further={"paper": paper.draw},
)
