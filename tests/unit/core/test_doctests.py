"""The formulas' examples in the core's docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import scorer.core

MODULES = [found.name for found in pkgutil.walk_packages(scorer.core.__path__, "scorer.core.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
