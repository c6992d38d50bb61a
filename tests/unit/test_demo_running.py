"""How a demo ends when it is asked to."""

import asyncio
from contextlib import suppress

import pytest

from scorer.demo.running import until_asked

INSIST_SECONDS = 0.01


async def at_once() -> None:
    """Somebody who asks for the end before it has begun."""


async def never() -> None:
    await asyncio.Event().wait()


def test_who_loses_a_cancellation_is_told_again() -> None:
    lost = []

    async def forgetful() -> None:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await never()
            lost.append(True)
        await never()

    asyncio.run(until_asked(forgetful(), at_once(), INSIST_SECONDS))
    assert len(lost) == 3


def test_who_waits_for_a_silent_peer_on_its_way_out_goes_on_and_closes_the_rest() -> None:
    closed = []

    async def polite() -> None:
        try:
            try:
                await never()
            finally:
                await never()  # a peer's last word
        finally:
            closed.append("the servers")

    asyncio.run(until_asked(polite(), at_once(), INSIST_SECONDS))
    assert closed == ["the servers"]


def test_what_ends_by_itself_is_not_disturbed() -> None:
    async def short() -> None:
        await asyncio.sleep(0)

    asyncio.run(until_asked(short(), never(), INSIST_SECONDS))


def test_what_fails_is_told() -> None:
    async def failing() -> None:
        raise ValueError("the worker died")

    with pytest.raises(ValueError, match="the worker died"):
        asyncio.run(until_asked(failing(), never(), INSIST_SECONDS))


def test_what_fails_while_it_ends_is_told_too() -> None:
    async def failing() -> None:
        try:
            await never()
        finally:
            raise ValueError("a folder in use")

    with pytest.raises(ValueError, match="a folder in use"):
        asyncio.run(until_asked(failing(), at_once(), INSIST_SECONDS))
