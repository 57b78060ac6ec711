"""Values as they are typed: read strictly, so that none stands for what it does not say."""

import math
import re
import sys

from matsense.errors import InvalidInput
from sims.text.escape import visible

# From here on doubles skip whole numbers, in which numbers are stored.
WHOLE = 2**53
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
MOST_SHOWN = 60


class NotANumber(ValueError):  # noqa: N818 - the name reads as the sentence does
    """Raised for a text that is no number of the kind; its message is the rule."""


def shown(text: str, most: int = MOST_SHOWN) -> str:
    """A text as it was typed, if it is not too long for a line; what cannot be seen is escaped."""
    if len(text) > most:
        return f"{shown(text[: most // 2])}... ({len(text)} characters)"
    return visible(text)


def whole_number(text: str) -> int:
    """The whole number of decimal digits that a text writes; raises NotANumber."""
    if not WHOLE_NUMBER.fullmatch(text):
        raise NotANumber("a whole number is written in digits")
    digits = text.lstrip("+-0")
    if len(digits) > 16 or int(digits or "0") > WHOLE:
        raise NotANumber("whole numbers go to 2^53, beyond which doubles skip some")
    return int(text)


def number(text: str) -> float:
    """The number that a text writes, in double precision; raises NotANumber."""
    if not NUMBER.fullmatch(text):
        raise NotANumber("a number is written as 12, 0.5 or 1e-3")
    if WHOLE_NUMBER.fullmatch(text):
        return float(whole_number(text))
    value = float(text)
    if math.isinf(value):
        raise NotANumber(f"doubles go to {sys.float_info.max:.3g}")
    is_zero = not re.search("[1-9]", text.lower().split("e")[0])
    if not is_zero and abs(value) < sys.float_info.min:
        raise NotANumber(f"doubles other than 0 begin at {sys.float_info.min:.3g}")
    return value + 0.0  # -0.0 would be another value than 0.0 to whoever compares texts


def split(text: str) -> tuple[str, str, str, list[str]]:
    """SWEEP.AXIS, SWEEP, AXIS and the values of SWEEP.AXIS=V1,V2; the sweep may be left out."""
    name, equals, listed = text.partition("=")
    name = name.strip()
    sweep, _, axis = name.rpartition(".")
    if not equals or not axis or not listed.strip():
        rule, remedy = "a setting is axis=v1,v2", "write for example --set alpha=0.1,0.5"
        raise InvalidInput(f"--set {shown(text)}", rule, remedy)
    words = [word.strip() for word in listed.split(",")]
    if not all(words):
        rule = "a value is missing between commas"
        raise InvalidInput(f"--set {shown(text)}", rule, "leave out the comma")
    return name, sweep, axis, words
