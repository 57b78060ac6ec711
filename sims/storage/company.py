"""Other commands at work in the same folder: what one has in flight, no other computes too.

Each keeps a hidden file in runs/ that lists the runs it has in flight. Nothing hangs on it: who
cannot read or write it computes, and equal numbers are stored twice. Only what two have begun at
the same moment is, otherwise.
"""

import contextlib
import random
import threading
import time
from collections.abc import Sequence

from matsense.judging.runs import Run
from sims.files import is_at_work, temporary
from sims.running.blocks import Block
from sims.running.worker import Done
from sims.storage.store import Store

WORKING = "working"
# Seconds to wait for what another has in flight, or three times the longest batch; then it is
# stuck, and its runs are computed here.
PATIENCE = 10.0
LOOK = 0.1


class Company:
    """One command among the others that run blocks for a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._file = temporary(store.root / WORKING)
        # Blocks are taken in a thread of joblib's, finished in the main one.
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._finished: set[str] = set()
        self._left_to_others: set[str] = set()
        self._looked_at = 0
        self._longest = 0.0
        self._patient = True

    def __enter__(self) -> "Company":
        with contextlib.suppress(OSError):
            self._store.root.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
            self._store.tidy()

    def take(self, block: Block) -> bool:
        """Whether this command is to run a block: if no other has stored it or has it in flight."""
        ids = {run.id for run in block.runs}
        with self._lock:
            free = self._are_free(ids)
            if free:
                self._in_flight |= ids
                self._tell()
                # Two who take it at the same moment see each other now, and leave it for later.
                free = self._are_free(ids)
            if free:
                self._left_to_others -= ids
            else:
                self._left_to_others |= ids
                self._in_flight -= ids
                self._tell()
        return free

    def _are_free(self, ids: set[str]) -> bool:
        # In this order: what another has no more in flight is stored by then.
        elsewhere = self._look()
        return not ids & (self._finished | (elsewhere if self._patient else set()))

    def stored(self, done: Done) -> None:
        """Takes note of a block whose runs are stored."""
        ids = {run.id for run in done.runs}
        with self._lock:
            self._longest = max(self._longest, done.spent.total)
            self._in_flight -= ids
            self._finished |= ids
            self._tell()

    def left(self, runs: Sequence[Run]) -> list[Run]:
        """Those of these runs that were left to others, who have not stored them.

        Waits for them while they are at work, but not for ever: one may be stuck.
        """
        deadline = time.monotonic() + max(PATIENCE, 3 * self._longest)
        while True:
            with self._lock:
                elsewhere = self._look()
                still = self._left_to_others - self._finished
                free = still - elsewhere
                self._patient = time.monotonic() < deadline
            if not still:
                return []
            # Not all at the same moment.
            time.sleep(random.uniform(0.0, LOOK))
            if free or not self._patient:
                return [run for run in runs if run.id in (free or still)]

    def _look(self) -> set[str]:
        """What others have in flight; and takes note of what they have stored.

        Thousands of parts are listed only if another command is here, or came or went since the
        last look: its file appears in runs/, and vanishes from there.
        """
        elsewhere: set[str] = set()
        # An error is met again by whoever reads in the main thread, and is said there.
        with contextlib.suppress(OSError, MemoryError):
            changed = self._store.root.stat().st_mtime_ns
            others = [p for p in self._store.root.glob(f".{WORKING}.*.tmp") if p != self._file]
            for path in filter(is_at_work, others):
                with contextlib.suppress(OSError, ValueError):
                    elsewhere.update(path.read_text("ascii").split())
            if others or changed != self._looked_at:
                self._looked_at = changed
                self._finished |= self._store.news()
        return elsewhere

    def _tell(self) -> None:
        with contextlib.suppress(OSError):
            self._file.write_text("\n".join(sorted(self._in_flight)), "ascii")
