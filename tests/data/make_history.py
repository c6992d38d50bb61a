"""A repository's history as events in the native format: real data for trying Scorer out, and for a test.

    git log --stat=400 | python tests/data/make_history.py > history.jsonl

The author is the user (as a pseudonym: people are no part of a test's data), the top folder of a file the account, the
kind of change the event's type, and the number of changed lines its value. A file in no folder has no account.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

_FILE = re.compile(r" (?P<path>\S.*?) +\| +(?P<change>\d+ ?\+*-*|Bin\b.*)$")
_ABBREVIATED = "..."


@dataclass(slots=True)
class _Commit:
    id: str
    author: str = ""
    date: str = ""
    files: list[tuple[str, str]] = field(default_factory=list)


def history(log: Iterable[str]) -> Iterator[dict[str, object]]:
    """The events of a `git log --stat`, the oldest first."""
    for commit in reversed(list(_commits(log))):
        for number, (path, change) in enumerate(commit.files):
            account = _top_folder(path)
            yield {
                "event": _kind(path, change),
                "user_id": _pseudonym(commit.author),
                **({"account_id": account} if account else {}),
                "event_id": f"{commit.id[:10]}-{number}",
                "ts": parsedate_to_datetime(commit.date).isoformat(),
                **_value(change),
            }


def _commits(log: Iterable[str]) -> Iterator[_Commit]:
    commit = _Commit("")
    for line in log:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "commit":
            if commit.id:
                yield commit
            commit = _Commit(rest.split()[0])
        elif word == "Author:":
            commit.author = rest.strip()
        elif word == "Date:":
            commit.date = rest.strip()
        elif found := _FILE.match(line.rstrip("\n")):
            commit.files.append((found["path"], found["change"]))
    if commit.id:
        yield commit


def _top_folder(path: str) -> str | None:
    """None for a file in no folder, and for a path whose beginning git has cut off (`.../a.c`)."""
    folder, slash, _ = path.partition("/")
    return folder if slash and folder != _ABBREVIATED and "{" not in folder else None


def _kind(path: str, change: str) -> str:
    if " => " in path:
        return "file_renamed"
    if change.startswith("Bin"):
        return "binary_changed"
    signs = set(change) & {"+", "-"}
    return {frozenset("+"): "lines_added", frozenset("-"): "lines_removed"}.get(frozenset(signs), "lines_changed")


def _value(change: str) -> dict[str, object]:
    """The changed lines; a binary file has none, and counts as one."""
    return {} if change.startswith("Bin") else {"value": int(change.split(maxsplit=1)[0])}


def _pseudonym(author: str) -> str:
    return "author-" + hashlib.blake2b(author.encode(), digest_size=4).hexdigest()


def main() -> None:
    for event in history(sys.stdin):
        print(json.dumps(event, separators=(",", ":")))


if __name__ == "__main__":
    main()
