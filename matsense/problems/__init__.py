"""The problem generator: one module a family; each instance carries its ground truth."""
