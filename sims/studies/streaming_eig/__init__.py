"""The top eigenvector of a row stream, [kacham2024] and [price2024].

Problem: rows a_1 .. a_n in R^d, seen once; approximate v1 of A^T A, R = lambda_1 / lambda_2.
Algorithms: Oja's method, fixed rate or c / t; Price and Xun's growth-checked Oja; the block power
method for random order; Frequent Directions, mini-batch and noisy power as baselines.
Guarantees: the papers' at abstract level (upper and lower bounds in R, d and memory; pseudocode
and instances are reconstructed), and the laws D0 to D9 derived in `matsense.theory.streaming`.
Example: `python -m sims.sweep streaming_eig --set diagonal.d=64,128 --set diagonal.R=2,3,4,5`.
"""

from sims.studies.streaming_eig import (
    figure,
    laws,
    oja_claims,
    oja_sweeps,
    power_claims,
    power_sweeps,
)
from sims.study import Study

study = Study(
    title="The top eigenvector of a row stream",
    paper="Kacham, Woodruff, NeurIPS 2024, arXiv 2412.11963; Price, Xun, FOCS 2024",
    cite="kacham2024",
    sweeps=(*oja_sweeps.sweeps, *power_sweeps.sweeps),
    claims=(*oja_claims.claims, *power_claims.claims),
    draw=figure.draw,
    fit=laws.fit,
    predicted=laws.predicted,
)
