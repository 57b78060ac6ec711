"""The tests; `toy` serves those that need a study and a source tree of their own."""
