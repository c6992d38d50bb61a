"""`scorer demo --scoring FILE`: somebody's own file, and people whose habits fit it."""

import random
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from scorer import scoring_file
from scorer.demo.subject import OUR_FILE, NothingToShow, subject_of
from scorer.embedded.company import Company, Role
from scorer.embedded.habits import OURS, Habits
from scorer.embedded.traffic import History
from tests.oracle import Oracle

NOW = 1_795_355_044.0

OWN = """
version: 1
bucket: 1h
events: {"page \\"seen\\"": {}, bought: {core: true}, refunded: {}, watched: {duration: true}, "détail/x": {}}
segments: [tier]
models:
  people: {kinds: [user], weights: {bought: 1}}
  value:
    kinds: [account]
    window: 7d
    weights: {"page \\"seen\\"": 1, bought: 50, refunded: -40, watched: 0.01}
    benchmark: {peers: [tier]}
alerts:
  sliding: {model: value, kind: account, when: {crossed_below: 25}}
"""


def own(folder: Path, text: str = OWN) -> Path:
    file = folder / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_it_is_ours() -> None:
    subject = subject_of(None, 1, 60)
    assert subject.is_ours and subject.file == OUR_FILE and subject.habits is OURS
    assert subject.model.name == "engagement"


def test_the_first_model_of_accounts_is_shown(tmp_path: Path) -> None:
    subject = subject_of(own(tmp_path), 1, 60)
    assert subject.model.name == "value" and not subject.is_ours
    assert all(account.traits["tier"] in ("blue", "green", "red") for account in subject.company.accounts)


def test_a_file_that_scores_no_accounts_is_named_with_the_way_out(tmp_path: Path) -> None:
    file = own(tmp_path, "version: 1\nevents: {a: {}}\nmodels: {people: {kinds: [user], weights: {a: 1}}}\n")
    with pytest.raises(
        NothingToShow, match=r"own\.yaml: models: .* \(people\) scores them\. Add `account` to the `kin"
    ):
        subject_of(file, 1, 60)


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(scoring_file.ScoringFileError, match=r"own\.yaml:2: evnts: unknown key"):
        subject_of(own(tmp_path, "version: 1\nevnts: {}\n"), 1, 60)


@pytest.mark.parametrize("text", [OWN, OUR_FILE.read_text(encoding="utf-8")])
def test_the_past_is_loaded_by_the_same_models_without_alerts(tmp_path: Path, text: str) -> None:
    subject = subject_of(own(tmp_path, text), 1, 60)
    silent = scoring_file.parse(subject.silent_file)
    assert subject.scoring.alerts and not silent.alerts
    assert [model.hash for model in silent.models] == [model.hash for model in subject.scoring.models]
    assert (silent.bucket_seconds, silent.events) == (subject.scoring.bucket_seconds, subject.scoring.events)


def test_traffic_of_ones_own_file_counts(tmp_path: Path) -> None:
    subject = subject_of(own(tmp_path), 1, 10)
    oracle = Oracle(subject.scoring)
    company = Company(3, accounts=60, days=10, traits=("tier",))
    history = History(company, subject.habits, NOW)
    for day in [*history.past(), next(history.present())]:
        for record in day.records:
            oracle.feed(record.value, int(day.ends * 1000))
    assert oracle.outcomes["counted"] > 0.95 * sum(oracle.outcomes.values())
    results = oracle.results(int(NOW * 1000))
    scored = [result.score for key, result in results.items() if key[:2] == ("value", "account") and result.score]
    assert len(scored) > 40 and max(scored) > 90 and min(scored) < 30


def drawn(habits: Habits, role: Role, number: int = 20_000) -> Counter[str]:
    chances = habits.chances(launched=True)[list(Role).index(role)]
    chance = random.Random(1)
    return Counter(habits.events[int(np.searchsorted(chances, chance.random()))] for _ in range(number))


def test_what_is_worth_more_comes_less_often_and_harm_seldom(tmp_path: Path) -> None:
    habits = subject_of(own(tmp_path), 1, 60).habits
    found = drawn(habits, Role.READER)
    assert found['page "seen"'] > 2 * found["bought"] > 0
    assert 0 < found["refunded"] < 0.1 * found.total()
    assert habits.bad == ("refunded",)
    assert habits.closing == "watched" and habits.opening == 'page "seen"'


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nevents: {a: {}}\nmodels: {m: {weights: {a: 1}}}\n",
        "version: 1\nevents: {a: {}}\nmodels: {m: {weights: {a: -1}}}\n",
        "version: 1\nevents: {a: {duration: true}}\nmodels: {m: {weights: {a: 0.1}}}\n",
        "version: 1\nevents: {a: {}, b: {}}\nmodels: {m: {weights: {a: 1}, curve: {shape: none}}}\n",
    ],
)
def test_the_smallest_files_have_traffic_too(tmp_path: Path, text: str) -> None:
    habits = subject_of(own(tmp_path, text), 1, 60).habits
    company = Company(1, accounts=20, days=3)
    history = History(company, habits, NOW)
    assert sum(day.events for day in history.past()) > 20
    assert len({record.key for day in islice(history.present(), 7) for record in day.records}) > 5
