"""Results on disk: the run store, the files of a conclusion, rows of a user's own."""
