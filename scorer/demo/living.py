"""The present: made-up events go into Kafka when they are due."""

import asyncio
import time

from scorer.demo.board import Board
from scorer.embedded.live_traffic import LiveTraffic
from scorer.embedded.records import Record
from scorer.stream.input_writer import InputWriter, Keyed

_INTERVAL_SECONDS = 0.1


async def send_live(traffic: LiveTraffic, writer: InputWriter, board: Board, events_per_second: float) -> None:
    """Without end. Raises BrokerError."""
    waiting: list[Record] = []
    for due in traffic.records(time.time(), events_per_second):
        while due.at > time.time():
            if waiting:
                await writer.write(Keyed(record.key, record.value) for record in waiting)
                board.sent += len(waiting)
                waiting = []
            await asyncio.sleep(_INTERVAL_SECONDS)
        waiting.append(due.record)
