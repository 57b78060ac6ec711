"""Where the time of a sweep went: running, compiling, storing, judging, drawing."""

import contextlib
import time
from collections.abc import Iterator

from sims.running.worker import Spent


class Stopwatch:
    """Wall seconds by part; what the workers spent is counted by worker, since they overlap."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.workers = Spent(0.0)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Times one part; parts of one name add up."""
        self.seconds.setdefault(name, 0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - began

    def spent(self, by_workers: Spent) -> None:
        """Takes note of the seconds that all workers spent together."""
        self.workers = by_workers

    def report(self) -> dict[str, float]:
        """Seconds by part, as plain data."""
        w = self.workers
        inner = {"all workers": w.total, "of which compiling": w.compile, "host stage": w.after}
        return {name: round(seconds, 3) for name, seconds in {**self.seconds, **inner}.items()}

    def sentence(self) -> str:
        """The breakdown in one line."""
        w = self.workers
        shown = {name: f"{name} {seconds:.2g} s" for name, seconds in self.seconds.items()}
        if w.total:
            shown["run"] += (
                f" (workers {w.total:.3g} s, of it compiling {w.compile:.2g} s, "
                f"host stage {w.after:.2g} s)"
            )
        return f"{time.perf_counter() - self.start:.0f} s: " + ", ".join(shown.values())
