"""What goes wrong with workers, Redis and the broker, by a seeded schedule."""

import math
import random
import signal
import time
from collections.abc import Callable

from tests.chaos.traffic import Traffic
from tests.deployment import Deployment
from tests.servers import KafkaServer, RedisServer
from tests.worker_process import WorkerProcess

SESSION_SECONDS = 3.0
MOST_WORKERS = 3
WARM_UP_SECONDS = 1.5


class Chaos:
    """Does one thing after the other, at random moments; `diary` says what it did and when.

    A worker that is gone without having been killed is a failure: nothing of this is a reason to give up.
    """

    def __init__(
        self, site: Deployment, redis: RedisServer, broker: KafkaServer | None, traffic: Traffic, seed: int
    ) -> None:
        self._site = site
        self._redis = redis
        self._broker = broker
        self._traffic = traffic
        self._chance = random.Random(seed)
        # In half of the runs it isn't: that Redis is filled again hides what never reached it.
        self._empties_redis = seed % 2 == 0
        self.emptied = False
        self._began = time.monotonic()
        self._suspended: dict[WorkerProcess, float] = {}
        self._names = 0
        self._name_of: dict[WorkerProcess, str] = {}
        self.alive: list[WorkerProcess] = []
        self.diary: list[str] = []

    def run(self, seconds: float) -> None:
        """At least so long, and until the traffic has ended; in the end some worker runs and none is suspended."""
        self._began = time.monotonic()
        self._join()
        self._pause(WARM_UP_SECONDS)
        broker_at = self._chance.uniform(0.3, 0.7) * seconds
        while (passed := time.monotonic() - self._began) < seconds:
            if self._broker is not None and passed > broker_at:
                self._lose_broker(self._broker)
                broker_at = math.inf
            else:
                self._one_fault()
            self._pause(self._chance.expovariate(1.0))
        self._resume(due_only=False)
        if not self.alive:
            self._join()
        self._traffic.rest()
        self._note("the traffic has ended")

    def check_alive(self) -> None:
        for worker in self.alive:
            assert worker.running, f"a worker gave up. {self.diary}\n{worker.said()[-6000:]}"

    def _one_fault(self) -> None:
        faults: dict[Callable[[], None], float] = {
            self._join: 3.0 if len(self.alive) < MOST_WORKERS else 0.0,
            self._leave: 1.0 if len(self.alive) > 1 else 0.3,
            self._kill: 2.0,
            self._suspend: 1.5 if len(self._suspended) < len(self.alive) else 0.0,
            self._empty_redis: 0.7 if self._empties_redis else 0.0,
            self._lose_redis: 0.5 if self._empties_redis else 0.0,
            self._stall_redis: 0.8 if self._empties_redis else 2.0,
        }
        (fault,) = self._chance.choices(list(faults), list(faults.values()))
        if fault in (self._leave, self._kill) and not self._awake():
            fault = self._join
        fault()

    def _awake(self) -> list[WorkerProcess]:
        return [worker for worker in self.alive if worker not in self._suspended]

    def _pause(self, seconds: float) -> None:
        """Lets this much pass; the schedule is the point, nothing is waited for."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.05)
            self._resume(due_only=True)
            self.check_alive()

    def _note(self, what: str) -> None:
        self.diary.append(f"{time.monotonic() - self._began:.1f} s: {what}")

    # ---- workers

    def _join(self) -> None:
        """A worker starts: with a name of its own, with one that a killed worker had, or with none."""
        names = [f"w{number}" for number in range(self._names + 1)]
        taken = {self._name_of[worker] for worker in self.alive}
        name = self._chance.choice([*(each for each in names if each not in taken), ""])
        self._names += name == names[-1]
        settings = {"instance": name} if name else {}
        module = self._chance.choice(["scorer", "tests.snapshotting_worker"])
        worker = self._site.start(module=module, session_timeout=f"{SESSION_SECONDS:g}s", **settings)
        self._name_of[worker] = name
        self.alive.append(worker)
        self._note(f"worker {worker.pid} {name or 'without a name'} joins")

    def _leave(self) -> None:
        worker = self._chance.choice(self._awake())
        self._note(f"worker {worker.pid} is asked to leave")
        self.alive.remove(worker)
        status = worker.terminate()
        unborn = status == -signal.SIGTERM and not worker.said()  # it hadn't got as far as to listen to signals
        assert status == 0 or unborn, f"{status}: {self.diary}\n{worker.said()[-6000:]}"

    def _kill(self) -> None:
        worker = self._chance.choice(self._awake())
        self._note(f"worker {worker.pid} is killed")
        self.alive.remove(worker)
        worker.kill()

    def _suspend(self) -> None:
        """It becomes a zombie: silent for longer than its session, and then it goes on as if nothing had been."""
        awake = self._awake()
        if not awake:
            return
        worker = self._chance.choice(awake)
        seconds = SESSION_SECONDS + self._chance.uniform(-1.0, 3.0)
        self._suspended[worker] = time.monotonic() + seconds
        self._note(f"worker {worker.pid} is suspended for {seconds:.1f} s")
        worker.suspend()

    def _resume(self, *, due_only: bool) -> None:
        for worker, due in list(self._suspended.items()):
            if not due_only:
                time.sleep(max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                del self._suspended[worker]
                self._note(f"worker {worker.pid} goes on")
                worker.signal(signal.SIGCONT)

    # ---- servers

    def _empty_redis(self) -> None:
        self._note("redis is emptied")
        self.emptied = True
        self._redis.restart()

    def _lose_redis(self) -> None:
        self._note("redis is away")
        self.emptied = True
        self._redis.stop()
        self._pause(self._chance.uniform(0.5, 3.0))
        self._redis.restart()
        self._note("redis is back, empty")

    def _stall_redis(self) -> None:
        """What waits for it may be lost with its worker; what it holds stays."""
        self._note("redis doesn't answer")
        self._redis.pause()
        self._pause(self._chance.uniform(0.3, 2.0))
        if self._awake() and self._chance.random() < 0.7:
            self._kill()
        self._pause(self._chance.uniform(0.0, 0.5))
        self._redis.resume()
        self._note("redis answers again")

    def _lose_broker(self, broker: KafkaServer) -> None:
        """Killed and started again, or silent for a while: then what it was sent may have landed or not."""
        with self._traffic.quiet:
            if self._chance.random() < 0.5:
                self._note("the broker is killed")
                broker.kill()
                self._pause(self._chance.uniform(0.0, 3.0))
                broker.restart()
            else:
                self._note("the broker doesn't answer")
                broker.pause()
                self._pause(self._chance.uniform(1.0, 12.0))
                broker.resume()
            self._note("the broker is back")
