"""sims: the experiments; grids, processes, files and the command line. No mathematics."""
