"""Rows of every kind that has misled a one-pass method, and the n that is claimed of each."""

import numpy as np


def gaussian(rng: np.random.Generator, n: int, d: int, R: float) -> np.ndarray:
    """Independent rows with energy R along e_1 and 1 across it."""
    A = rng.standard_normal((n, d))
    A[:, 0] *= np.sqrt(R)
    return A


def _drifting(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    angle = np.linspace(0.0, 0.5 * np.pi, n)
    A = rng.standard_normal((n, d))
    strong = 6.0 * rng.standard_normal(n)
    A[:, 0] += strong * np.cos(angle)
    A[:, 1] += strong * np.sin(angle)
    return A


def _heavy(rng: np.random.Generator, n: int, d: int, size: float, first: bool) -> np.ndarray:
    A = gaussian(rng, n, d, 4.0)
    row = rng.standard_normal(d)
    A[0 if first else -1] = size * np.sqrt(n) * row / np.linalg.norm(row)
    return A


def _equal(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    # Exactly: no row has a part both along the two and across them.
    A = 0.1 * rng.standard_normal((n, d))
    A[:, :2] = 0.0
    third = n // 3
    A[: 2 * third] = 0.0
    A[0 : 2 * third : 2, 0] = A[1 : 2 * third : 2, 1] = 3.0
    return A


def kinds(seed: int, n: int = 3000, d: int = 100) -> dict[str, tuple[np.ndarray, int]]:
    """The rows and the n that is given with them. "gap" is well-behaved; "equal" has no v1."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1e-3, 1.0, n)[:, None]
    along = gaussian(rng, n, d, 10.0)
    return {
        "gap": (gaussian(rng, n, d, 36.0), n),
        "weak gap": (gaussian(rng, n, d, 6.0), n),
        "no gap": (rng.standard_normal((n, d)), n),
        "runs": (np.repeat(gaussian(rng, n // 100, d, 30.0), 100, axis=0), n),
        "runs, weak gap": (np.repeat(gaussian(rng, n // 100, d, 6.0), 100, axis=0), n),
        "n 200 times too small": (gaussian(rng, n, d, 30.0), n // 200),
        "n 200 times too large": (gaussian(rng, n, d, 30.0), 200 * n),
        "n = 1": (gaussian(rng, n, d, 30.0), 1),
        "warming up": (scale * gaussian(rng, n, d, 30.0), n),
        "cooling down": (scale[::-1] * gaussian(rng, n, d, 30.0), n),
        "sorted": (along[np.argsort(np.abs(along[:, 0]))], n),
        "periodic": (np.tile(gaussian(rng, 7, d, 30.0), (n // 7, 1)), n),
        "drift": (_drifting(rng, n, d), n),
        "jump": (np.vstack([gaussian(rng, n, d, 20.0), gaussian(rng, n, d, 30.0)[:, ::-1]]), n),
        "heavy first row": (_heavy(rng, n, d, 4.0, True), n),
        "heavy last row": (_heavy(rng, n, d, 4.0, False), n),
        "rather heavy last row": (_heavy(rng, n, d, 2.0, False), n),
        "heavy tails": (rng.standard_t(1.5, (n, d)), n),
        "equal": (_equal(rng, n, d), n),
        "all rows equal": (np.tile(rng.standard_normal((1, d)), (n, 1)), n),
        "one row": (rng.standard_normal((1, d)), 1),
        "zeros between": (np.where(rng.random((n, 1)) < 0.01, gaussian(rng, n, d, 30.0), 0.0), n),
    }


def sin2(A: np.ndarray, v: np.ndarray) -> float:
    """The error of v by a decomposition of all rows."""
    v1 = np.linalg.svd(A, full_matrices=False)[2][0]
    return float(np.sum((v - (v @ v1) * v1) ** 2))
