"""How far a file was replayed, and when that still holds."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorer.replaying.lines import Position
from scorer.replaying.progress import Changed, Progress, ProgressFile, Target, Unusable

TARGET = Target("kafka:9092", "events", "jsonl", {})
HALFWAY = Progress(Position(100_000, 700), 690, 10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(os.urandom(200_000))
    return path


@pytest.fixture
def kept(file: Path) -> Iterator[ProgressFile]:
    descriptor = os.open(file, os.O_RDONLY)
    yield ProgressFile(str(file), descriptor, TARGET)
    os.close(descriptor)


def again(file: Path, target: Target = TARGET) -> Progress | None:
    """What a later process finds."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return ProgressFile(str(file), descriptor, target).load()
    finally:
        os.close(descriptor)


def test_progress_is_found_again_until_it_is_removed(file: Path, kept: ProgressFile) -> None:
    assert again(file) is None
    kept.save(Progress(Position(5, 1), 1, 0))
    kept.save(HALFWAY)
    assert again(file) == HALFWAY
    assert sorted(each.name for each in file.parent.iterdir()) == ["events.jsonl", "events.jsonl.replay-progress"]
    kept.remove()
    kept.remove()
    assert again(file) is None


def test_a_file_that_grew_is_the_same(file: Path, kept: ProgressFile) -> None:
    kept.save(HALFWAY)
    with file.open("ab") as end:
        end.write(b"more")
    assert again(file) == HALFWAY


@pytest.mark.parametrize("place", [0, 50_000, 65_535, 99_999])
def test_another_content_before_the_position_is_another_file(file: Path, kept: ProgressFile, place: int) -> None:
    kept.save(HALFWAY)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(Changed, match="another content, up to its line 700"):
        again(file)


def test_a_file_that_was_cut_is_another(file: Path, kept: ProgressFile) -> None:
    kept.save(HALFWAY)
    os.truncate(file, 99_999)
    with pytest.raises(Changed):
        again(file)


@pytest.mark.parametrize(
    "other",
    [
        Target("other:9092", "events", "jsonl", {}),
        Target("kafka:9092", "others", "jsonl", {}),
        Target("kafka:9092", "events", "csv", {}),
        Target("kafka:9092", "events", "jsonl", {"user_id": "author"}),
    ],
)
def test_progress_into_elsewhere_is_not_ours(file: Path, kept: ProgressFile, other: Target) -> None:
    kept.save(HALFWAY)
    with pytest.raises(Unusable, match="is of a replay into events at kafka:9092 as jsonl, this one is into"):
        again(file, other)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]", b'{"version": "x"}'])
def test_what_is_no_progress_is_not_taken_for_one(file: Path, kept: ProgressFile, content: bytes) -> None:
    kept.path.write_bytes(content)
    with pytest.raises(Unusable, match="remove it"):
        again(file)


def test_progress_of_another_version_is_not_read(file: Path, kept: ProgressFile) -> None:
    kept.save(HALFWAY)
    kept.path.write_bytes(kept.path.read_bytes().replace(b'"version":1', b'"version":2'))
    with pytest.raises(Unusable, match="another version"):
        again(file)
