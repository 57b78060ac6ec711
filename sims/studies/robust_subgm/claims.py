"""The claims of [ma2023] and the laws derived for it, in a form that runs can answer.

Drawn, not judged: the paper's own figures (`paper`), Polyak's rule and ScaledSM (figure, panel m).
Neither judged nor drawn: the powers of kappa and r in the number of iterations and of measurements,
upper bounds with hidden constants; all claims on measurements are judged at r = 1.
"""

from sims.studies.robust_subgm import concentration, dense_noise, recovery

claims = (*concentration.claims, *recovery.claims, *dense_noise.claims)
