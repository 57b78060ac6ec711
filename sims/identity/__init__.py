"""Which program computes a number: its name, which sees what counts and nothing else."""
