"""Bytes: for a person, and as many as this machine has."""

import os

# What a process can address on today's processors, where nothing tells how much there is.
ADDRESSABLE = 2**47
UNITS = {"EB": 1e18, "PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3}


def size(count: float) -> str:
    """A number of bytes for a person."""
    for unit, bytes_each in UNITS.items():
        if count >= bytes_each:
            return f"{count / bytes_each:.3g} {unit}"
    return f"{count:.0f} B"


def machine_bytes() -> int:
    """The memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return ADDRESSABLE
