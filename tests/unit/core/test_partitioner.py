"""Keys go where Kafka's own producers send them."""

import random

import pytest
from aiokafka.partitioner import murmur2 as aiokafkas

from scorer.core.partitioner import murmur2, partition_of
from tests.oracle_input import partition_of as oracles

CHANCE = random.Random(7)
KEYS = [bytes(CHANCE.randrange(256) for _ in range(length)) for length in range(40) for _ in range(5)]


def test_the_hash_is_kafkas() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    published = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    published |= {
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    }
    published |= {b"abc": 479470107}
    assert {key: (murmur2(key) ^ 2**31) - 2**31 for key in published} == published


@pytest.mark.parametrize("key", KEYS)
def test_the_hash_is_aiokafkas(key: bytes) -> None:
    assert murmur2(key) == aiokafkas(key) & 0xFFFFFFFF


@pytest.mark.parametrize("partitions", [1, 3, 16, 256])
def test_the_partition_is_the_default_partitioners(partitions: int) -> None:
    for key in ("acme", "a/b", "ünï", "ж" * 256, "50%"):
        found = partition_of(key, partitions)
        assert found == (aiokafkas(key.encode()) & 0x7FFFFFFF) % partitions == oracles(key, partitions)
        assert 0 <= found < partitions
