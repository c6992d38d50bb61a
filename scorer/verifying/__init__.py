"""`scorer verify`: entities recounted from the input, naively, and compared with what Redis says of them.

    sample      whose events are kept
    input       which events count: the rules of a record, one at a time
    recount     counts -> raw score -> score, in decimals
    reach       from when on the input still holds what a window needs
    comparison  a recount against a document of Redis
    documents   what Redis holds: scores, benchmarks (in_force), heartbeats
    reading     the input, from where it matters to the end of now
    rounds      all of it, until nothing differs or what differs stays

Rule 1: nothing here is shared with the worker's counting and scoring but the decoder of records and the scoring file:
        a mistake there must not be made here a second time.
"""
