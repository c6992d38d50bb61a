"""`scorer demo`: everything on this machine, for as long as somebody watches.

An embedded Kafka and Redis and one worker are children of this process; the made-up traffic, the page and the table
are here. First the past is loaded, a day at a time and on the event clock, so that days close as they do in real life;
then a worker with the rules of alerts takes over, and the made-up days go on, faster than the wall's (made_up_time.py).
What they write lies in one temporary folder, and nothing outlives this process (scorer/embedded/child.py).
"""

from scorer.demo.running import DemoFailed, Wanted, run_demo
from scorer.demo.subject import NothingToShow

__all__ = ["DemoFailed", "NothingToShow", "Wanted", "run_demo"]
