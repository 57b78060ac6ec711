"""Every axis of every study, typed with what it cannot be: one line, whose remedy works."""

import math
import re
import sys
from collections.abc import Iterator

import pytest

from matsense.errors import InvalidInput
from sims.running import shapes
from sims.study import Study
from sims.study.catalogue import available, load
from sims.study.ranges import Range
from sims.terminal.grid import grid
from tests.battery import Case, cannot_be

MEMORY = 1e12
BATTERY = list(cannot_be())
each = pytest.mark.parametrize("name", available())


def refused(study: Study, *settings: str) -> str:
    try:
        grid(study, False, 1, settings, MEMORY)
    except InvalidInput as error:
        return str(error)
    pytest.fail(f"{settings} is accepted")


def remedies(message: str) -> list[str]:
    """The settings that a message says to give."""
    found = re.search(r"; give for example (.*)$", message)
    return found[1].split(" or ") if found else []


def test_the_battery_is_large() -> None:
    assert len({case.settings for case in BATTERY}) >= 2000
    assert {case.study for case in BATTERY} == set(available())


@each
def test_what_cannot_be_is_refused_by_its_name_and_with_a_remedy_that_works(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "largest_array", lambda *_: 0)  # a second for each remedy
    study, given = load(name), set[str]()
    for case in (case for case in BATTERY if case.study == name):
        message = refused(study, *case.settings)
        assert "\n" not in message and len(message) < 600, message
        assert all(word in message for word in case.named), f"{case.settings}: {message}"
        given.update(remedies(message))
        assert remedies(message) or _is_empty(case), message
    assert given
    for remedy in given:
        grid(study, False, 1, [remedy], MEMORY)


def _is_empty(case: Case) -> bool:
    """Whether nothing stands where a value should."""
    return any(not word.strip() for word in case.settings[0].partition("=")[2].split(","))


@each
def test_what_can_be_is_taken_or_refused_by_a_rule(name: str) -> None:
    """The ends of every range, the next numbers inside, and the values of the study's own grids."""
    study = load(name)
    for sweep in study.sweeps:
        for axis, values in sweep.axes.items():
            allowed = sweep.range_of(axis)
            for value in (*values, *_ends(allowed, type(values[0]))):
                assert allowed.admits(value), (axis, value)
                try:
                    grid(
                        study, False, 1, [f"{sweep.name}.{axis}={value!r}".replace("'", "")], MEMORY
                    )
                except InvalidInput as error:
                    assert value not in values or len(values) > 1, error
                    assert "in sweep" in str(error)


def _ends(allowed: object, kind: type) -> Iterator[int | float]:
    if not isinstance(allowed, Range):
        return
    if kind is int or allowed.is_whole:
        yield from (kind(allowed.least), kind(allowed.most))
        return
    above = max(math.nextafter(allowed.least, math.inf), sys.float_info.min)
    yield above if allowed.open_least else allowed.least
    yield math.nextafter(allowed.most, -math.inf) if allowed.open_most else allowed.most
