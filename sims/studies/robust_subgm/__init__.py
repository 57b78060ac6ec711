"""The sub-gradient method for robust matrix recovery, [ma2023].

Problem: recover a PSD X* (rank r, sigma_1 = 1) from y = A(X*) + s, with a share p of the
measurements replaced by outliers of any law, with dense Gaussian noise, or with both.
Algorithms: SubGM on the l1 loss with a search rank k = r' >= r and a small start of size alpha
(Algorithm 2), step sizes noiseless, tied to alpha (Thm 27) or Polyak's; the same on the expected
loss; baselines GD on the l2 loss and ScaledSM.
Guarantees: upper bounds up to constants and logs (Thm 18, 22, 27; Cor 23, 28, 29; Def. 7 with Thm
10, 11), and the sharper laws derived in `matsense.theory.robust`.
Example: `python -m sims.sweep robust_subgm --set recovery.p=0.5,0.9 --set recovery.m=2000`.
"""

from sims.studies.robust_subgm.claims import claims
from sims.studies.robust_subgm.figure import panels, papers
from sims.studies.robust_subgm.trials import sweeps
from sims.study import paper

study = paper(
    "Sub-gradient method for robust matrix recovery",
    "Ma, Fattahi, JMLR 24(96), 2023, arXiv 2202.08788",
    cite="ma2023",
    sweeps=sweeps,
    claims=claims,
    panels=panels,
    further={"paper": papers},
)
