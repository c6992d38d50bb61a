"""The journal: what a partition's state is folded from (ARCHITECTURE 2).

One log per input partition holds three kinds of records: claims (who owns the partition from here on), entries
(decoded events and every decision), and parts of snapshots.

Rule 1: a claim's epoch is derived, not written: max(last epoch + 1, the broker's timestamp in ms). It never goes
        back, even if the log is lost.
Rule 2: an entry counts if its epoch is the newest claimed and its number is the last one's + 1. Any other is
        ignored whole: a zombie's late entry, a repeated append.
Rule 3: each append must land right behind the writer's last one. If it doesn't, somebody else wrote: the state is
        dropped, and the partition claimed again.
Rule 4: nothing leaves a worker before the entry that holds it has landed in place.
Rule 5: a snapshot is a state as of an entry that has landed in place; its parts carry its id and that entry's
        offset. The log is trimmed up to that offset once the last part has landed in place.
Rule 6: an entry says how far Redis had acknowledged; a restore publishes again what came later.
Rule 7: where the input is first read from is an entry, landed before the first fetch.
Rule 8: a restore that finds a trimmed log without a complete snapshot claims again: the last part may have landed
        behind its claim. If the log starts where it did then, it is beyond use.
"""
