"""How over-parameterization slows down gradient descent in matrix sensing, [xiong2024].

Problem: recover Sigma (rank r, sigma_1 = 1, condition number kappa) from A(Sigma), in the
population (A*A = identity) and from m Gaussian measurements.
Algorithms: symmetric GD, asymmetric GD, asymmetric GD with one modified step; search rank k >= r.
Guarantees: the paper's five, stated there up to constants, and the sharper laws derived from the
updates in `matsense.theory.overparam`; each run is held against its own instance and start.
Example: `python -m sims.sweep overparam_gd --set k=3,4 --set alpha=0.3`.
"""

from sims.studies.overparam_gd import claims, figure, laws, sweeps
from sims.study import Study

study = Study(
    title="How over-parameterization slows down gradient descent in matrix sensing",
    paper="Xiong, Ding, Du, ICLR 2024, arXiv 2310.01769",
    cite="xiong2024",
    sweeps=sweeps.sweeps,
    claims=claims.claims,
    draw=figure.draw,
    fit=laws.fit,
    predicted=laws.predicted,
)
