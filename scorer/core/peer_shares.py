"""What a partition adds to the benchmark of each peer group: an entity is in its own group and in all around it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest

import numpy as np

from scorer.core.benchmark import EVERYONE, parent_of
from scorer.core.benchmark_summary import Summary
from scorer.core.events import Int64s
from scorer.core.score import Floats

MOST_GROUPS = 1_000
"""Of a model and kind in one partition. Members of others are measured against the group around theirs."""

_NOT_KEPT = np.uint16(0xFFFF)


class Lineages:
    """For each code of a group's name: the groups that its members are in, the coarsest first, `all` left out."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self._known = 0
        self._levels: list[list[int]] = []

    def follow(self, names: Sequence[str]) -> None:
        """Learn the names behind the last one known; a code never changes its name."""
        for code in range(self._known, len(names)):
            lineage = [names[code]] if names[code] != EVERYONE else []
            while lineage and (parent := parent_of(lineage[-1])) != EVERYONE:
                lineage.append(parent)
            for depth, name in enumerate(reversed(lineage)):
                if depth == len(self._levels):
                    self._levels.append([-1] * code)
                if name not in self._number:
                    self._number[name] = len(self.names)
                    self.names.append(name)
                self._levels[depth].append(self._number[name])
            for level in self._levels[len(lineage) :]:
                level.append(-1)
        self._known = max(self._known, len(names))

    def levels(self) -> list[Int64s]:
        """By depth: the number in `names` of each code's group there, -1 where it has none."""
        return [np.array(level, np.int64) for level in self._levels]


def peer_shares(blank: Summary, active: Floats, codes: Int64s, lineages: Lineages) -> Iterator[Summary]:
    """The summary of each peer group with somebody in it, and last that of everyone, which lists the others.

    `active` holds the raw scores above 0 of the blank summary's model and kind, `codes` the group of each.
    """
    levels = lineages.levels()
    population = _populations(codes, levels, len(lineages.names))
    held = np.flatnonzero(population)
    kept = _most_populous(held, population, lineages.names)
    for level in levels:
        numbers = np.intersect1d(kept, level)
        if not len(numbers):
            continue
        places = np.full(len(lineages.names) + 1, _NOT_KEPT)  # the last is that of -1
        places[numbers] = np.arange(len(numbers))
        # 16 bits: numpy sorts them by radix, a million in 10 ms
        order = np.argsort(places[level][codes], kind="stable")
        stops = np.cumsum(population[numbers])
        for number, start, stop in zip(numbers, stops - population[numbers], stops, strict=True):
            yield blank.holding(lineages.names[number], active[order[start:stop]])
    names = tuple(sorted(lineages.names[number] for number in kept))
    yield replace(blank.holding(EVERYONE, active), groups=names, cut=len(kept) < len(held))


def _populations(codes: Int64s, levels: list[Int64s], groups: int) -> Int64s:
    population = np.zeros(groups, np.int64)
    if levels:
        of_code = np.bincount(codes, minlength=len(levels[0]))
        for level in levels:
            inside = level >= 0
            np.add.at(population, level[inside], of_code[inside])
    return population


def _most_populous(held: Int64s, population: Int64s, names: Sequence[str]) -> Int64s:
    """At most `MOST_GROUPS` of the groups: the largest, of equally large ones the first by name.

    A group's parent is at least as large, and its name is a beginning of the group's: it is kept if the group is.
    """
    if len(held) <= MOST_GROUPS:
        return held
    sizes = population[held]
    least = np.partition(sizes, len(held) - MOST_GROUPS)[len(held) - MOST_GROUPS]
    larger, equal = held[sizes > least], held[sizes == least]
    first = nsmallest(MOST_GROUPS - len(larger), equal.tolist(), key=names.__getitem__)
    return np.concatenate([larger, np.array(first, np.int64)])
