"""What may explain a difference."""

from scorer.core.model import Kind, Model, Scoring, Weight
from scorer.verifying.causes import causes
from scorer.verifying.comparison import Difference
from scorer.verifying.reach import Reach
from scorer.verifying.sample import Entity, Tally

ANN = Entity("acme", "ann")
RAW = Difference(ANN, "use", "raw", 1.0, 2.0)
SCORING = Scoring(86_400, ("opened",), (Model("use", (Kind.USER,), 30, {"opened": Weight(1.0)}),), ("bot-*",))


def said(*differences: Difference, repeats: int = 0, counted_from: int | None = 0) -> str:
    tallies = {ANN: Tally(repeats=repeats), Entity("acme", None): Tally(repeats=9)}
    return "\n".join(causes(differences, tallies, {0: Reach(0, counted_from, 0)}, SCORING, 1_000_000))


def test_counts_that_differ_may_have_causes_that_the_input_does_not_tell() -> None:
    told = said(RAW)
    assert (
        "event type counts from" in told and "an exclusion isn't retroactive" in told and "window made longer" in told
    )
    assert "SCORER_DEDUPE_IDS" not in told and "SCORER_START" not in told and "excludes nobody" not in told


def test_repeated_ids_are_a_cause_only_where_the_entity_had_some() -> None:
    assert "3 events were left out for their ids: a worker knows the last 1000000" in said(RAW, repeats=3)


def test_workers_that_do_not_tell_where_they_began_are_a_cause() -> None:
    assert "SCORER_START" in said(RAW, counted_from=None)


def test_a_score_that_does_not_follow_from_its_raw_has_no_excuse() -> None:
    assert said() == said(Difference(ANN, "use", "score", 1.0, 2.0), repeats=3, counted_from=None) == ""
