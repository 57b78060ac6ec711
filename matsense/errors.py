"""The one exception for something that the user did: a value, the rule it breaks, the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class InvalidInput(ValueError):  # noqa: N818 - the name reads as the sentence does
    """Raised for a value outside its rule; the message is one line and ends with the remedy."""

    def __init__(self, value: str, rule: str, remedy: str) -> None:
        super().__init__(" ".join(f"{value}: {rule}; {remedy}".split()))


class Infeasible(ArithmeticError):  # noqa: N818 - the name reads as the sentence does
    """Raised for an instance whose question has no answer: counted apart, never averaged."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` may have meant, as a remedy; otherwise the list of all."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.4)
    listing = ", ".join(known)
    return f"did you mean {close[0]}? (known: {listing})" if close else f"known: {listing}"
