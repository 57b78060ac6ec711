"""One file a paper; the folder is the catalogue, nothing is registered."""
