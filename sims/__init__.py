"""sims: the experiments; grids, processes, files and the command line. No mathematics.

Importing it changes nothing in your process; `python -m sims.NAME` sets up its own.
"""

import sys

from sims import hidden

if hidden.starts_command():
    hidden.answering()

from sims.terminal import start

if hidden.starts_command():
    start.begin()
    hidden.answering(sys.excepthook)
