"""The claims of [ma2023] and the laws derived for it, in a form that runs can answer.

Not judged, but drawn: the dependence of the iterations on kappa and the exponents of kappa and r
in the sample size (upper bounds with hidden constants); the paper's own figures (`paper`).
"""

from sims.studies.robust_subgm import concentration, recovery

claims = (*concentration.claims, *recovery.claims)
