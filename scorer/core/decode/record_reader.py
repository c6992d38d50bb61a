"""One record of any format, read with care: the rule for every record, and the words for the one that can't be used.

Rule 1: a record with `event`, `user_id` and `ts` is native, whatever else it holds, headers included. Only where one
  of them is missing is it asked whether the record is of another format. Without an `event`, a `type` of "account"
  makes it a native account record.
Rule 2: with a fixed format nothing is asked: what isn't of that format is refused.
Rule 3: a path that the settings name for a field stands instead of the format's own place, of events only.
Rule 4: a Segment batch is several outcomes, one a call. What costs one call costs no other.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from scorer.core.decode import cloudevents, loose, posthog, segment, snowplow
from scorer.core.decode.account_record import CheckedTraits, checked_traits, is_account_record
from scorer.core.decode.faults import Fault, FaultFound
from scorer.core.decode.foreign import Reader, format_of, is_of, unlike
from scorer.core.decode.input_rules import InputFormat, InputRules
from scorer.core.decode.native_record import CANT_READ, NativeRecord, read_native
from scorer.core.decode.segment import OF_ALL_CALLS, Shared
from scorer.core.decode.told import OWN_NAMES, REQUIRED, CheckedRecord, Told, checked, first_of, within
from scorer.core.events import Headers, Reason

Outcome = CheckedRecord | CheckedTraits | Fault

_OPTIONAL: Final = ("account_id", "event_id")


class Calls(NamedTuple):
    """What became of each call of a batch, in order."""

    outcomes: tuple[Outcome, ...]


class RecordReader:
    """Reads by these rules."""

    def __init__(self, rules: InputRules) -> None:
        self._rules = rules
        self._fixed = None if rules.format is InputFormat.AUTO else rules.format
        self._may_be_binary = rules.format in cloudevents.BINARY_FORMATS
        self._path_names = {name: ".".join(path) for name, path in rules.paths.items()}
        self._readers: dict[InputFormat, Reader] = {
            InputFormat.CLOUDEVENTS: cloudevents.told,
            InputFormat.POSTHOG: partial(posthog.told, group_type=rules.posthog_group),
            InputFormat.SNOWPLOW: partial(snowplow.told, entity=snowplow.entity_pattern(rules.snowplow_entity)),
            InputFormat.SEGMENT: segment.told,
        }

    def read(self, value: bytes | None, headers: Headers = ()) -> Outcome | Calls:
        """One record of any bytes, to an event, an account's traits, the reason why it is neither, or several."""
        try:
            if headers and self._may_be_binary and cloudevents.is_binary(headers) and not self._is_native(value):
                event = cloudevents.binary_fields(headers, value)
                return checked(self._moved(cloudevents.told(event, cloudevents.BINARY_NAMES), event))
            fields, form = self._told_apart(loose.readable(value))
            if form is InputFormat.SEGMENT and segment.is_batch(fields):
                return Calls(tuple(map(self._call, segment.calls(fields))))
            return self._outcome(fields, form)
        except FaultFound as found:
            return found.fault

    def read_call(self, raw: bytes, shared: Shared) -> Outcome:
        """One call of a batch that could be read, as it is written, with what the batch says of all."""
        said = {name: loose.json_or_none(text) for name, text in zip(("context", *OF_ALL_CALLS), shared, strict=True)}
        try:
            (call,) = segment.calls({**said, "batch": [loose.anything(raw)]})
        except FaultFound as found:
            return found.fault
        return self._call(call)

    def calls(self, value: bytes | None) -> list[bytes] | None:
        """The calls of a batch, each as a record of its own; None for what is no batch, or one that can't be read."""
        if value is None or b"batch" not in value:
            return None
        try:
            fields, form = self._told_apart(loose.readable(value))
            if form is not InputFormat.SEGMENT or not segment.is_batch(fields):
                return None
            return [loose.bytes_of(call, value) for call in segment.calls(fields)]
        except FaultFound:
            return None

    def _told_apart(self, value: bytes) -> tuple[Mapping[Any, Any], InputFormat]:
        """The fields, and whose they are. Raises FaultFound."""
        if self._fixed in (None, InputFormat.NATIVE) and not self._path_names:
            try:
                record = read_native(value)
            except CANT_READ:
                pass
            else:
                return {name: getattr(record, name) for name in NativeRecord.__struct_fields__}, InputFormat.NATIVE
        fields = loose.fields_of(value)
        if self._fixed is not None:
            moved_native = self._fixed is InputFormat.NATIVE and self._path_names
            if not moved_native and not is_of(self._fixed, fields):
                raise FaultFound(Reason.UNKNOWN_FORMAT, unlike(self._fixed, fields))
            return fields, self._fixed
        if self._is_account_record(fields) or all(fields.get(name) is not None for name in REQUIRED):
            return fields, InputFormat.NATIVE
        return fields, format_of(fields) or InputFormat.NATIVE

    def _outcome(self, fields: Mapping[Any, Any], form: InputFormat) -> CheckedRecord | CheckedTraits:
        """Raises FaultFound."""
        if form is not InputFormat.NATIVE:
            told = self._readers[form](fields)
            return told if isinstance(told, CheckedTraits) else checked(self._moved(told, fields))
        if self._is_account_record(fields):
            return checked_traits(fields)
        return checked(self._moved(Told(fields, OWN_NAMES), fields))

    def _call(self, call: Any) -> Outcome:
        try:
            return self._outcome(segment.checked_call(call), InputFormat.SEGMENT)
        except FaultFound as found:
            return found.fault

    def _is_account_record(self, fields: Mapping[Any, Any]) -> bool:
        event = self._rules.paths.get("event")
        return is_account_record(fields) and (event is None or within(fields, *event) is None)

    def _is_native(self, value: bytes | None) -> bool:
        if self._fixed is not None:
            return False
        try:
            fields, form = self._told_apart(loose.readable(value))
        except FaultFound:
            return False
        return form is InputFormat.NATIVE and all(fields.get(name) is not None for name in REQUIRED)

    def _moved(self, told: Told, fields: Mapping[Any, Any]) -> Told:
        """With what stands at the paths of the settings."""
        if not self._path_names:
            return told
        moved = {name: within(fields, *path) for name, path in self._rules.paths.items()}
        if told.names is not OWN_NAMES:
            moved |= {name: first_of(moved[name]) for name in _OPTIONAL if name in moved}
        return Told({**told.fields, **moved}, {**told.names, **self._path_names})
