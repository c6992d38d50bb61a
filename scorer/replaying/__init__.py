"""`scorer replay`: events and account records of a file, written into the input as a product would.

    lines     a file or a pipe, by its lines
    formats   lines to records: JSON lines as they are
    table     ... and CSV, a record for each row
    judging   what a worker could use, keyed right, and what not
    progress  how far a file was replayed, kept beside it
    flow      all of it, piece by piece: a piece is acknowledged before the next one is read

Rule 1: every record is judged by the worker's own rules before it is written, so that a bad line is named here, with
        its number, and not found later among the dead letters.
Rule 2: progress is kept only behind what Kafka has acknowledged. So going on from there leaves nothing out, and what
        was under way is written again.
"""
