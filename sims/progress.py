"""How far a sweep is and how long it will take: a line on a terminal, silence in a pipe."""

import math
import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from sims.engine import Block, shape_of, time_left


class Progress:
    """Counts finished runs; the time left is told once one block of some shape has finished.

    A block's first run of its shape compiles, so its time enters only until a second is known.
    """

    def __init__(self, console: Console, pending: Sequence[Block], jobs: int) -> None:
        self.waiting = list(pending)
        self.jobs = jobs
        self.seen: dict[object, list[float]] = {}
        self.bar = Bar(
            TextColumn("{task.completed}/{task.total} runs"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=sum(b.runs for b in pending), left="time left: ?")
        self.began = time.perf_counter()

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def finished(self, block: Block, seconds: float) -> None:
        """Takes note of a block that took `seconds` in its worker."""
        self.waiting.remove(block)
        self.seen.setdefault(shape_of(block), []).append(seconds)
        left = time_left(self.waiting, self.seen, self.jobs)
        text = "" if math.isnan(left) else f"about {left:.0f} s left"
        self.bar.update(self.task, advance=block.runs, left=text)
