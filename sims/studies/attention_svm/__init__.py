"""Attention as a support vector machine, [tarzanagh2023svm] and [tarzanagh2023maxmargin]."""

from sims.studies.attention_svm.claims import claims
from sims.studies.attention_svm.trials import sweeps
from sims.study import paper

study = paper(
    "Attention as a support vector machine",
    "Tarzanagh, Li, Thrampoulidis, Oymak, arXiv 2308.16898",
    cite="tarzanagh2023svm",
    sweeps=sweeps,
    claims=claims,
)
