"""The top eigenvector of a row stream, [kacham2024] and [price2024].

Problem: rows a_1 .. a_n in R^d, seen once; approximate v1 of A^T A, R = lambda_1 / lambda_2.
Algorithms: Oja's method, fixed rate or c / t; Price and Xun's growth-checked Oja; the block power
method for random order; Frequent Directions, mini-batch and noisy power as baselines.
Guarantees: upper and lower bounds in R, d and memory, known from the papers' abstracts (pseudocode
and instances are reconstructed); and laws that `matsense.theory.streaming` derives, exact (the
growth certificate, the subset lemma, the failure at every rate) or to leading order.
References: [kacham2024], NeurIPS 2024, arXiv 2412.11963; [price2024], FOCS 2024; Frequent
Directions: [ghashami2016].
Example: `python -m sims.sweep streaming_eig --set diagonal.d=64,128 --set diagonal.R=2,3,4,5`.
"""

from sims.studies.streaming_eig.paper import study

__all__ = ["study"]
