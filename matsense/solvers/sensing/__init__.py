"""Gradient descent on factors of a matrix that is seen through linear measurements."""
