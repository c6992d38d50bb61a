"""Decoding by the default rules, for tests that aren't about rules."""

from scorer.core.decode import Decoder
from scorer.core.decode.input_rules import DEFAULT_RULES
from scorer.core.decode.record_reader import RecordReader

decode = Decoder().decode
read_record = RecordReader(DEFAULT_RULES).read
