"""The present: made-up events go into Kafka when they are due in the made-up world."""

import asyncio
import time

from scorer.demo.board import Board
from scorer.demo.made_up_time import MadeUpTime
from scorer.embedded.records import Record
from scorer.embedded.traffic import History
from scorer.stream.input_writer import InputWriter, Keyed

_INTERVAL_SECONDS = 1.0
"""Between two batches. The embedded broker keeps each as an object for ever, and looks through all at each fetch."""


async def send_live(history: History, clock: MadeUpTime, writer: InputWriter, board: Board) -> None:
    """Without end. A day closes on the board when it is over. Raises BrokerError."""
    waiting: list[Record] = []

    async def until(at: float) -> None:
        nonlocal waiting
        while at > clock.at(time.time()):
            if waiting:
                await writer.write(Keyed(record.key, record.value) for record in waiting)
                board.sent += len(waiting)
                waiting = []
            await asyncio.sleep(_INTERVAL_SECONDS)

    for day in history.present():
        board.launch_day = history.launch_day(day.number)
        for moment_ms, record in zip(day.moments_ms.tolist(), day.records, strict=True):
            await until(moment_ms / 1000)
            waiting.append(record)
        await until(day.ends)
        board.close_day(day.events)
