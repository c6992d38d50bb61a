"""Records to columns: one module per input format (INTERFACES 4).

Native records are read at column speed, those of the other formats one by one.
"""

from scorer.core.decode.native import decode

__all__ = ["decode"]
