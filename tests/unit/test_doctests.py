"""The examples in docstrings hold, outside the core too."""

import doctest
import importlib
import pkgutil

import pytest

import scorer

MODULES = [
    found.name
    for found in pkgutil.walk_packages(scorer.__path__, "scorer.")
    if not found.name.startswith("scorer.core") and found.name != "scorer.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
