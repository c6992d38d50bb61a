"""A search for holes in the journal's protocol: the real `Owner` and `PartitionState` in a made-up world.

The world has one input partition, its journal, a Redis and a few workers. A seeded schedule chooses what happens
next: appends land late, twice or unheard of, workers pause, crash and are replaced without noticing, trims come
late, Redis is restarted empty, buckets close so that rows are freed and used again, the journal is lost. In the end
a last worker takes over, and everything must equal a naive recount.

    python -m tests.journal_search --seeds 200000       search; exits 1 if there is a hole
    python -m tests.journal_search --faults             switch each rule off: every one must be found

What a worker's driver and its writer to Redis do is told anew in `worker` (the marks by the real `Ledger` and
`Presence`). The search says nothing about a FLUSHALL while a replaced worker still has scores to write, nor about a
second one before the heartbeat is back.
"""
