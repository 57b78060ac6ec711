"""Certified max-margin solutions against other solvers, closed forms and their own conditions."""

from collections.abc import Callable

import clarabel
import jax
import numpy as np
import pytest
from scipy import optimize, sparse

from matsense.errors import Excluded, Infeasible, InvalidInput
from matsense.problems import attention
from matsense.references.attention import nuclear_svm, svm, token_sets, traps
from matsense.theory import attention as theory


def arrays(seed: int, n: int, T: int, d: int, **kinds) -> tuple[np.ndarray, ...]:  # type: ignore[no-untyped-def]
    problem = attention.draw(jax.random.key(seed), n, T, d, **kinds)
    X, z, scores = (np.asarray(a) for a in (problem.X, problem.z, problem.scores))
    return X, z, scores, scores.argmax(axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_frobenius_solution_is_that_of_a_general_solver(seed: int) -> None:
    X, z, _, best = arrays(seed, 3, 4, 4)
    found = svm.frobenius(X, z, best)
    rows = svm.constraints(X, z, best).rows
    slow = optimize.minimize(
        lambda w: w @ w / 2, found.W.ravel() * 1.3, jac=lambda w: w, method="SLSQP",
        constraints={"type": "ineq", "fun": lambda w: rows @ w - 1, "jac": lambda w: rows},
        options={"ftol": 1e-15, "maxiter": 500},
    )  # fmt: skip
    assert np.isclose(found.norm, np.linalg.norm(slow.x), rtol=1e-6)
    assert theory.misalignment(found.W, slow.x.reshape(4, 4)) < 1e-9
    assert 0 <= found.gap + 1e-13 < 1e-12
    # Complementary slackness, and rows in the span of the queries (of inputs with support).
    assert np.all(found.multipliers[~found.support] < 1e-9)
    assert found.rank <= theory.rank_bound(3, 4)


def test_frobenius_solutions_are_those_of_an_interior_point_solver() -> None:
    """20 instances of the authors' sizes against Clarabel's quadratic program."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    for seed in range(20):
        X, z, _, best = arrays(seed, 6, 8, 10)
        found = svm.frobenius(X, z, best)
        rows = svm.constraints(X, z, best).rows
        answer = clarabel.DefaultSolver(
            sparse.identity(100, format="csc"), np.zeros(100), sparse.csc_matrix(-rows),
            -np.ones(len(rows)), [clarabel.NonnegativeConeT(len(rows))], settings,
        ).solve()  # fmt: skip
        assert np.isclose(found.norm, np.linalg.norm(answer.x), rtol=1e-7)
        assert theory.misalignment(found.W, np.reshape(answer.x, (10, 10))) < 1e-11


def test_infeasible_exactly_where_a_linear_program_says_so() -> None:
    verdicts = []
    for seed in range(30):
        X, z, _, _ = arrays(seed, 4, 5, 2, tokens="gaussian")
        choice = np.random.default_rng(seed).integers(0, 3, 4)
        rows = svm.constraints(X, z, choice).rows
        program = optimize.linprog(np.zeros(4), -rows, -np.ones(len(rows)), bounds=(None, None))
        try:
            svm.frobenius(X, z, choice)
            feasible = True
        except Infeasible:
            feasible = False
        assert feasible == (program.status == 0)
        verdicts.append(feasible)
    assert 0 < sum(verdicts) < 30


def test_one_input_has_the_vector_machine_for_its_solution_in_both_norms() -> None:
    """n = 1: W = p z^T / ||z||^2 with p the shortest vector of margins 1; rank one."""
    X, z, _, best = arrays(7, 1, 5, 6)
    two, one = svm.frobenius(X, z, best), nuclear_svm.nuclear(X, z, best)
    p, _ = svm.least_distance(svm.constraints(X, z, best).left)
    expected = np.outer(p, z[0]) / (z[0] @ z[0])
    np.testing.assert_allclose(two.W, expected, rtol=1e-9, atol=1e-12)
    assert np.isclose(one.norm, two.norm, rtol=1e-8)
    assert (two.rank, one.rank, one.rank_bound) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_nuclear_solution_is_certified_and_beaten_by_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, z, _, best = arrays(seed, 4, 5, 6)
    one, two = nuclear_svm.nuclear(X, z, best), svm.frobenius(X, z, best)
    assert one.gap <= svm.LARGEST_GAP
    assert one.norm <= np.linalg.norm(two.W, "nuc") * (1 + 1e-9)
    assert two.norm <= np.linalg.norm(one.W) * (1 + 1e-9)
    assert one.rank <= one.rank_bound <= theory.rank_bound(4, 6)

    class Failing:
        """In place of SCS: finds nothing, so that Clarabel is asked."""

        def __init__(self, data: dict, cone: dict, **settings: object) -> None:
            self.sizes = data["A"].shape

        def solve(self) -> dict[str, np.ndarray]:
            return {"x": np.full(self.sizes[1], np.nan), "y": np.full(self.sizes[0], np.nan)}

    monkeypatch.setattr(nuclear_svm.scs, "SCS", Failing)
    other = nuclear_svm.nuclear(X, z, best)
    assert other.gap <= svm.LARGEST_GAP
    np.testing.assert_allclose(other.W, one.W, atol=1e-5)


def test_a_nuclear_certificate_holds_by_its_own_arithmetic() -> None:
    """1^T lam / ||G||_2 <= optimum <= ||W||_* / min margin, from the returned arrays by loops."""
    X, z, _, best = arrays(1, 6, 8, 10)
    found = nuclear_svm.nuclear(X, z, best)
    G, least = np.zeros((10, 10)), np.inf
    for i in range(6):
        for t in range(8):
            if t != best[i]:
                G += found.multipliers[i, t] * np.outer(X[i, best[i]] - X[i, t], z[i])
                least = min(least, (X[i, best[i]] - X[i, t]) @ found.W @ z[i])
    assert (found.multipliers >= 0).all()
    lower = found.multipliers.sum() / np.sqrt(np.linalg.eigvalsh(G.T @ G).max())
    upper = np.linalg.norm(found.W, "nuc") / least
    assert np.isclose(lower, found.lower, rtol=1e-12)
    assert np.isclose(upper, found.norm, rtol=1e-12)
    assert -1e-12 < upper / lower - 1 <= svm.LARGEST_GAP


def test_a_certificate_refuses_what_is_not_optimal() -> None:
    X, z, _, best = arrays(11, 3, 4, 5)
    rules, found = svm.constraints(X, z, best), svm.frobenius(X, z, best)
    lam = found.multipliers[rules.place[:, 0], rules.place[:, 1]]
    noise = np.random.default_rng(0).normal(size=found.W.shape)
    for W, multipliers in ((found.W + 1e-3 * noise, lam), (found.W, lam + 1e-3)):
        worse = svm.certify(W, multipliers, rules, (3, 4), nuclear=False)
        assert worse.lower <= found.norm * (1 + 1e-12) <= worse.norm * (1 + 1e-11)
        with pytest.raises(ArithmeticError, match="gap"):
            svm.accept(worse)


def test_support_tokens_decide_local_optimality() -> None:
    X, z, scores, best = arrays(12, 3, 4, 6)
    found = svm.frobenius(X, z, best)
    assert svm.locally_optimal(found, scores, best)
    assert svm.clearance(found, scores, best) == np.inf
    # Let a support token outscore its input's choice.
    i, t = np.argwhere(found.support)[0]
    raised = scores.copy()
    raised[i, t] = scores[i].max() + 1
    assert not svm.locally_optimal(found, raised, best)
    assert svm.clearance(found, raised, best) < svm.SUPPORT
    others = np.argwhere(np.isfinite(found.margins) & ~found.support)
    i, t = others[0]
    raised = scores.copy()
    raised[i, t] = scores[i].max() + 1
    assert svm.locally_optimal(found, raised, best)
    assert np.isclose(svm.clearance(found, raised, best), found.margins[i, t] - 1)


def test_sets_of_one_token_give_the_ordinary_machine() -> None:
    X, z, _, best = arrays(13, 3, 4, 6)
    kept = np.arange(4) == best[:, None]
    np.testing.assert_allclose(
        token_sets.generalised(X, z, kept).W, svm.frobenius(X, z, best).W, atol=1e-10
    )
    np.testing.assert_array_equal(token_sets.finite_part(X, z, np.full((3, 4), 0.25), kept), 0)


def test_larger_sets_meet_their_own_conditions_with_least_norm() -> None:
    X, z, _, _ = arrays(14, 3, 4, 6)
    kept = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 1]], dtype=bool)
    s = np.random.default_rng(1).dirichlet(np.ones(4), size=3)
    found, fin = token_sets.generalised(X, z, kept), token_sets.finite_part(X, z, s, kept)
    h, g = (np.einsum("itd,de,ie->it", X, W, z) for W in (found.W, fin))
    for i in range(3):
        inside = h[i, kept[i]]
        assert np.ptp(inside) < 1e-10
        assert (inside.min() - h[i, ~kept[i]] >= 1 - 1e-10).all()
        differences = g[i, kept[i]] - np.log(s[i, kept[i]])
        assert np.ptp(differences) < 1e-10
    assert abs(np.sum(found.W * fin)) < 1e-10  # W_fin moves only inside the sets, W_svm never does
    with pytest.raises(Infeasible, match="every token"):
        token_sets.generalised(X, z, np.ones((3, 4), dtype=bool))


def test_kept_sets_need_a_clear_and_settled_softmax() -> None:
    s = np.array([[0.6, 0.4, 0.0], [1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(theory.kept_sets(s, s), s > 0)
    with pytest.raises(Excluded, match="not settled"):
        theory.kept_sets(np.array([[0.6, 0.39, 0.01]]), np.array([[0.6, 0.39, 0.01]]))
    with pytest.raises(Excluded, match="not settled"):
        theory.kept_sets(s, s + np.array([0.02, -0.02, 0.0]))


def test_misalignment_resolves_what_a_cosine_cannot() -> None:
    A = np.eye(3)
    B = A + 1e-11 * np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert np.isclose(theory.misalignment(A, B), 1e-22 / 6, rtol=1e-3)
    assert np.isclose(theory.misalignment(A, -A), 2.0)
    assert theory.far_out(100.0, 0.06)
    assert not theory.far_out(100.0, 0.04)


def test_cosines_are_those_of_the_definition_and_none_with_zero() -> None:
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(4, 3, 3)), rng.normal(size=(3, 3))
    A[2] = 0
    expected = [np.sum(a * B) / np.linalg.norm(a) / np.linalg.norm(B) for a in A[[0, 1, 3]]]
    np.testing.assert_allclose(theory.cosine(A, B), np.insert(expected, 2, 0.0), rtol=1e-12)
    np.testing.assert_allclose(
        theory.misalignment(A[[0, 1, 3]], B), 1 - np.array(expected), rtol=1e-10
    )


def test_a_solution_is_found_once_for_equal_arrays() -> None:
    rng = np.random.default_rng(1)
    X, z, choice = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4)), np.array([0, 2])
    found = svm.remembered(svm.frobenius, X, z, choice)
    assert svm.remembered(svm.frobenius, X.copy(), z.copy(), choice.astype(np.int32)).W is not None
    assert svm.remembered(svm.frobenius, X.copy(), z.copy(), choice.copy()) is found
    np.testing.assert_array_equal(found.W, svm.frobenius(X, z, choice).W)
    other = svm.remembered(nuclear_svm.nuclear, X, z, choice)
    assert other.norm < np.linalg.svd(found.W, compute_uv=False).sum() * (1 + 1e-8)
    assert svm.remembered(svm.frobenius, -X, z, choice) is not found
    with pytest.raises(InvalidInput, match="tokens are numbered"):
        svm.remembered(svm.frobenius, X, z, np.array([0, 3]))


def _changed(what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An instance of n = 3, T = 4, d = 5 and a choice, with one thing wrong."""
    n, T, d = {"n": (0, 4, 5), "T": (3, 1, 5), "no T": (3, 0, 5), "d": (3, 4, 0)}.get(
        what, (3, 4, 5)
    )
    X, z, choice = np.ones((n, T, d)), np.ones((n, d)), np.zeros(n, int)
    if what in ("nan", "inf"):
        X[0, 1] = float(what)
    elif what == "queries":
        z = z[:2]
    elif what == "choice":
        choice = choice[:2]
    elif what == "beyond":
        choice = choice + 4
    elif what == "below":
        choice = choice - 1
    return X, z, choice


WRONG = ("n", "T", "no T", "d", "nan", "inf", "queries", "choice", "beyond", "below")


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("solve", [svm.frobenius, nuclear_svm.nuclear, svm.constraints])
def test_what_is_no_instance_is_refused_before_a_solver_ends_the_process(
    solve: Callable[..., object], what: str
) -> None:
    with pytest.raises(InvalidInput, match=r"; (give|leave|choose) "):
        solve(*_changed(what))


@pytest.mark.parametrize("what", WRONG[:6])
def test_sets_of_kept_tokens_need_an_instance(what: str) -> None:
    X, z, _ = _changed(what)
    kept = np.zeros(X.shape[:2], bool)
    for solve in (
        lambda: token_sets.generalised(X, z, kept),
        lambda: token_sets.finite_part(X, z, np.ones(X.shape[:2]), kept),
    ):
        with pytest.raises(InvalidInput, match=r"; (give|leave) "):
            solve()


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.zeros((0, 0)), np.full((2, 2), np.nan)])
def test_no_constraints_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="one row or more"):
        svm.least_distance(rows)


@pytest.mark.parametrize("inside", [[True, True, True], [False, False, False]])
def test_nobody_is_left_behind_by_all_or_none(inside: list[bool]) -> None:
    X, z, best = _changed("nothing")
    with pytest.raises(InvalidInput, match="some inputs are inside"):
        traps.left_behind(X, z, best, np.array(inside))
