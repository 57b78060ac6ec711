"""Panels as data: what is drawn, along which axis, one series by what, where, with which law."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from matsense.errors import nearest
from matsense.judging.conditions import Selection
from matsense.judging.judge import Verdict
from matsense.judging.laws import Law, as_law
from matsense.judging.readings import Reading, Written
from matsense.judging.runs import Run
from sims.figures import series
from sims.figures.series import By

COLUMNS = 3
SCALES = ("linear", "log", "symlog", "logit")
Side = Literal["above", "below"]
# What a panel is painted with, typed in `sims.figures.painting`: to import a study takes no time
# to import matplotlib.
Axes = Any
Painter = Callable[[Axes, list[Run], Sequence[Verdict]], None]


@runtime_checkable
class Panel(Protocol):
    """One panel of a study's figure."""

    @property
    def title(self) -> str:
        """What it is called in the figure, and in what is said of it."""
        ...

    def mistakes(self, known: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
        """What cannot be of it, by the axes of every sweep: found when the study is built."""
        ...


@dataclass(frozen=True)
class Section:
    """What panels of data have in common: whose runs, one series by what, scales and labels."""

    kind: Literal["traces", "along", "shares", "against", "histogram"]
    title: str
    of: Selection
    by: By
    scales: str
    x: str
    y: str
    place: Law | None = None
    reading: Reading | None = None
    trace: Law | None = None
    laws: tuple[Law, ...] = ()
    bound: Law | None = None
    side: Side = "above"
    power: float = 1.0

    def mistakes(self, known: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
        """Unknown sweeps and axes, scales that are none, a reading along its own axis."""
        yield from series.mistaken(self.of, self.by, known)
        names = self.scales.split()
        if len(names) != 2:
            yield f'scales {self.scales!r}: two words are needed, such as "log linear"'
        for scale in names:
            if scale not in SCALES:
                yield f"scales {self.scales!r}: no scale {scale!r} ({nearest(scale, SCALES)})"
        if self.place is not None and self.kind in ("along", "shares"):
            for name in self.place.names:
                if name != "seed":
                    yield from series.lacking("along", name, self.of, known)
        for axis in series.taken(self.reading) if self.reading is not None else ():
            yield from series.lacking(self.reading.name, axis, self.of, known)  # type: ignore[union-attr]
            if self.place is not None and axis in self.place.names and self.kind == "along":
                yield f"along {axis}: the reading itself runs along that axis"
            if axis in series.axes_of(self.by):
                yield f"by {axis}: the reading itself runs along that axis"


@dataclass(frozen=True)
class ByHand:
    """A panel that a function of the study draws."""

    title: str
    painter: Painter

    def mistakes(self, known: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
        """None that could be seen beforehand."""
        return ()


def traces(
    quantity: Written,
    *,
    of: Selection,
    by: By = (),
    scales: str = "log log",
    law: Written | tuple[Written, ...] = (),
    bound: Written | None = None,
    side: Side = "above",
    title: str = "",
    x: str = "",
    y: str = "",
) -> Panel:
    """A trace against its ticks: medians over the runs as points, their range as a band.

    `quantity` is what runs recorded, or a law of it (an expression, a function by name). `by` tells
    series apart: an axis, several, "sweep", or conditions by their labels. `law` is drawn as a
    line, the median over the runs: it asks for the ticks `t` as an array and for parameters and
    records by name, and is NaN where it does not hold; several are dashed one after another. A
    `bound` is a line too, hatched on the `side` where no run may be. Titles and labels are derived
    and can be given instead.
    """
    own = as_law(quantity)
    name = own.name
    return Section(
        "traces", title or name, of, by, scales, x or "step $t$", y or name, trace=own,
        laws=_laws(law), bound=_bound(bound), side=side,
    )  # fmt: skip


def along(
    axis: Written,
    reading: Reading,
    *,
    of: Selection,
    by: By = (),
    law: Written | tuple[Written, ...] = (),
    bound: Written | None = None,
    side: Side = "above",
    scales: str = "log log",
    power: float = 1.0,
    title: str = "",
    x: str = "",
    y: str = "",
) -> Panel:
    """A reading along an axis, or along a law of the parameters: medians with their range.

    A reading with a trend gives a number for each group of runs, drawn where the group stands on
    the axis; a lone number has its 95% interval. The axis is drawn to the `power`. `law` and
    `bound` are numbers, expressions or functions of parameters by name; the rest as in `traces`.
    """
    return _along(
        "along", axis, reading, law, bound, title=title, of=of, by=by, scales=scales, x=x,
        y=y or reading.name, side=side, power=power,
    )  # fmt: skip


def shares(
    axis: Written,
    reading: Reading,
    *,
    of: Selection,
    by: By = (),
    law: Written | tuple[Written, ...] = (),
    bound: Written | None = None,
    side: Side = "above",
    scales: str = "linear linear",
    power: float = 1.0,
    title: str = "",
    x: str = "",
    y: str = "",
) -> Panel:
    """The share of runs whose reading is 1, against 0, along an axis, with 95% intervals."""
    return _along(
        "shares", axis, reading, law, bound, title=title, of=of, by=by, scales=scales, x=x,
        y=y or "share of runs", side=side, power=power,
    )  # fmt: skip


def against(
    law: Written,
    reading: Reading,
    *,
    of: Selection,
    by: By = (),
    scales: str = "log log",
    title: str = "",
    x: str = "",
    y: str = "",
) -> Panel:
    """Each number of a reading against what a law predicts for it, with the diagonal."""
    predicted = as_law(law)
    return Section(
        "against", title or f"{reading.name}, measured against predicted", of, by, scales,
        x or "predicted", y or "measured", predicted, reading,
    )  # fmt: skip


def histogram(
    reading: Reading,
    *,
    of: Selection,
    by: By = (),
    law: Written | tuple[Written, ...] = (),
    scales: str = "linear linear",
    title: str = "",
    x: str = "",
    y: str = "",
) -> Panel:
    """How the numbers of a reading are distributed, as densities.

    A `law` that asks for `x`, an array, is a density and drawn as a curve; any other is a number,
    drawn as an upright line.
    """
    return Section(
        "histogram", title or reading.name, of, by, scales, x or reading.name, y or "density",
        None, reading, laws=_laws(law),
    )  # fmt: skip


def by_hand(title: str, paint: Painter) -> Panel:
    """A panel that `paint(ax, runs, verdicts)` draws, of the runs that finished."""
    return ByHand(title, paint)


def _along(
    kind: Literal["along", "shares"],
    axis: Written,
    reading: Reading,
    law: Written | tuple[Written, ...],
    bound: Written | None,
    *,
    title: str,
    x: str,
    power: float,
    **rest: Any,
) -> Section:
    """A section over an axis to its `power`, named after its reading unless it has a title."""
    place = as_law(axis)
    return Section(
        kind, title or reading.name, x=x or _powered(place.name, power), place=place,
        reading=reading, laws=_laws(law), bound=_bound(bound), power=power, **rest,
    )  # fmt: skip


def _laws(law: Written | tuple[Written, ...]) -> tuple[Law, ...]:
    return tuple(map(as_law, law if isinstance(law, tuple) else (law,) if law is not None else ()))


def _bound(bound: Written | None) -> Law | None:
    return None if bound is None else as_law(bound)


def _powered(name: str, power: float) -> str:
    if power == 1:
        return name
    return f"{name[:-1]}^{{{power:g}}}$" if name.endswith("$") else f"{name}$^{{{power:g}}}$"
