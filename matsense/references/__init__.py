"""Certified convex references of attention, each with its gap, and the traps between them."""
