"""The one exception for something that the user did: a value, the rule it breaks, the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class InvalidInput(ValueError):  # noqa: N818 - the name reads as the sentence does
    """Raised for a value outside its rule; the message is one line and ends with the remedy."""

    def __init__(self, value: str, rule: str, remedy: str) -> None:
        super().__init__(" ".join(f"{value}: {rule}; {remedy}".split()))


class Excluded(Exception):  # noqa: N818 - the name reads as the sentence does
    """Raised for a run to which a claim's premise turns out not to apply, with the reason.

    Such runs are counted apart: they are neither judged nor held against a claim.
    """


class Infeasible(Excluded):
    """The constraints of an instance admit no solution."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` may have meant, as a remedy; otherwise the list of all."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.4)
    listing = ", ".join(known)
    return f"did you mean {close[0]}? (known: {listing})" if close else f"known: {listing}"
