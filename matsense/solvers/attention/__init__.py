"""Descent on an attention matrix or on keys and queries, and points of regularisation paths."""
