"""Certified solutions of attention's support vector machines, and what follows from them."""
