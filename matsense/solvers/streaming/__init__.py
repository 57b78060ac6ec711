"""The top eigenvector from one pass over rows, in bounded memory; also over a user's own rows."""
