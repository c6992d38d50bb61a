"""Records to columns: one module per input format (INTERFACES 4).

decoder        a chunk at a time, at column speed, for records of any format
typed, typed_segment, typed_paths
               whole, usual records of each format, at C speed
record_reader  the rule: any record, with care; segment, cloudevents, posthog, snowplow know their formats
rows           a chunk's records while they are read
settling       what was read with care, back into the chunk's columns
"""

from scorer.core.decode.decoder import Decoder
from scorer.core.decode.input_rules import FIELDS, InputFormat, InputRules

__all__ = ["FIELDS", "Decoder", "InputFormat", "InputRules"]
