"""Sub-gradient methods for measurements of which some are grossly wrong."""
