"""sims: the experiments; grids, processes, files and the command line. No mathematics.

Importing it changes nothing in your process; `python -m sims.NAME` sets up its own.
"""

from sims.terminal import start

start.begin()
