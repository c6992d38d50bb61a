"""Records to columns: one module per input format (INTERFACES 4). Native is the only one read yet."""

from scorer.core.decode.native import decode

__all__ = ["decode"]
