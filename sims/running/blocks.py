"""What runs together: blocks of instances by lanes that share one compilation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from matsense.judging.runs import Run
from sims.study import Params, Sweep
from sims.study.catalogue import load
from sims.study.places import file_of, register


@dataclass(frozen=True)
class Block:
    """A rectangle of runs that share a compilation: every instance with every lane.

    `name` is the sweep's, `wide` the number of instances that the block is padded to, `operator`
    the dtype that operators are kept in, `place` the file of a study that is not the catalogue's.
    """

    study: str
    name: str
    static: Params
    rows: tuple[tuple[Run, ...], ...]
    wide: int = 1
    operator: str = "float64"
    place: str = ""
    _sweep: Sweep | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but the sweep, whose functions are what their modules are in the other process."""
        return {**self.__dict__, "_sweep": None}

    @property
    def sweep(self) -> Sweep:
        """The sweep; where the block was sent to another process, that of the study as it is
        imported there, whose grid may be another. Raises what importing it raises.
        """
        if self._sweep is None:
            if self.place:
                register(self.study, self.place)
            object.__setattr__(self, "_sweep", load(self.study).sweep(self.name))
        assert self._sweep is not None
        return self._sweep

    @property
    def runs(self) -> list[Run]:
        """Those of all its rows."""
        return [run for row in self.rows for run in row]

    @property
    def shape(self) -> Any:
        """What blocks of equal cost have in common."""
        return (self.name, *self.static.items())


def blocks(
    study: str, sweeps: Sequence[Sweep], runs: Sequence[Run], operator: str = "float64"
) -> list[Block]:
    """Packs runs into blocks: the first block of every shape, then the rest shape by shape.

    Lanes of one instance stay together; instances that lack the same lanes share blocks. Starting
    with one block of every shape compiles early and lets the time that is left be told honestly;
    going on shape by shape, a worker need not keep all that it has compiled.
    """
    named = {sweep.name: sweep for sweep in sweeps}
    shapes: dict[Any, tuple[Sweep, Params, dict[Any, list[Run]]]] = {}
    for run in runs:
        sweep = named[run.sweep]
        static: Params = sweep.static(run.params)
        key = (sweep.name, *static.items())
        own = tuple(run.params[axis] for axis in (*sweep.shape, *sweep.instance))
        _, _, by_instance = shapes.setdefault(key, (sweep, static, {}))
        by_instance.setdefault((own, run.seed), []).append(run)
    queues, place = [], file_of(study)
    for sweep, static, by_instance in shapes.values():
        rows: dict[Any, list[tuple[Run, ...]]] = {}
        for lanes in by_instance.values():
            for chunk in batched(lanes, sweep.lanes_wide):
                key = tuple(tuple(run.params[a] for a in sweep.lane) for run in chunk)
                rows.setdefault(key, []).append(chunk)
        wide = sweep.instances_wide
        queues.append(
            [
                Block(study, sweep.name, static, tuple(chunk), wide, operator, place, sweep)
                for same in rows.values()
                for chunk in batched(same, wide)
            ]
        )
    return [queue[0] for queue in queues] + [block for queue in queues for block in queue[1:]]


def batched(items: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    """Consecutive pieces of `width` items, the last one perhaps shorter."""
    for start in range(0, len(items), width):
        yield tuple(items[start : start + width])


def one_of_each(packed: Sequence[Block]) -> list[Block]:
    """The first block of every shape."""
    first: dict[Any, Block] = {}
    for block in packed:
        first.setdefault(block.shape, block)
    return list(first.values())
