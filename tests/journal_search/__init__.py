"""A search for holes in the journal's protocol: the real `Owner` and `PartitionState` in a made-up world.

The world has one input partition, its journal, Kafka's topic of alerts, a Redis and a few workers. A seeded schedule
chooses what happens next: appends land late, twice or unheard of, workers pause, crash and are replaced without
noticing, sends of alerts are cut short, trims come late, Redis is restarted empty, buckets close so that rows are freed
and used again, rules pause, passes end early, the journal is lost. In the end a last worker takes over, and everything
must equal a naive recount: Kafka and Redis have the alerts that the journal held, and who is alerted of is open.

    python -m tests.journal_search --seeds 200000       search; exits 1 if there is a hole
    python -m tests.journal_search --faults             switch each rule off: every one must be found

What a worker's driver and its writer to Redis do is told anew in `worker` and `writer` (the marks by the real `Ledger`,
`Presence` and `AlertQueue`). The search says nothing about a FLUSHALL while a replaced worker still has scores to
write, nor about a second one before the heartbeat is back. Of a world that loses its journal it says of alerts only
that who resolved had fired, and that rules are on the right side in the end: who was alerted of, and the numbers of
episodes, are lost with it.
"""
