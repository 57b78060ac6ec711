"""One method a module, in families; each update reads like its paper's equation."""
