"""Certified convex references, a family a folder."""
