"""Panels as data, the style that all figures share, and the evidence of every claim."""
