"""How figures look, and which runs a panel shows."""
