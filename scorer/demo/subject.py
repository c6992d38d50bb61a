"""What a demo is about: a scoring file, the model that is shown, and a made-up company whose people fit both."""

import json
from dataclasses import dataclass
from pathlib import Path

from scorer import embedded, scoring_file
from scorer.core.model import Kind, Model, Scoring
from scorer.embedded.company import Company
from scorer.embedded.habits import OURS, Habits, habits_for

OUR_FILE = Path(embedded.__file__).with_name("demo_scoring.yaml")


class NothingToShow(Exception):
    """The scoring file is right, but nothing of it can be shown; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`file` is as it was given; `silent_file` holds the same without its rules for alerts."""

    file: Path
    scoring: Scoring
    model: Model
    company: Company
    habits: Habits
    silent_file: str

    @property
    def is_ours(self) -> bool:
        return self.file == OUR_FILE


def subject_of(file: Path | None, seed: int, days: int) -> Subject:
    """By somebody's own scoring file, or ours. Raises ScoringFileError, NothingToShow."""
    path = OUR_FILE if file is None else file.absolute()
    document, keys, scoring = scoring_file.read_keys(scoring_file.read_text(path), str(file or path))
    model = next((model for model in scoring.models if Kind.ACCOUNT in model.kinds), None)
    if model is None:
        names = ", ".join(keys.models)
        raise NothingToShow(
            f"{file}: models: the demo shows accounts, and none of the models ({names}) scores them. "
            "Add `account` to the `kinds` of one"
        )
    durations = [name for name, event in keys.events.items() if event.duration]
    habits = OURS if file is None else habits_for(tuple(keys.events), durations, model)
    peers = (trait for each in scoring.models for trait in each.benchmark.peers)
    company = Company(seed, days=days, traits=tuple(dict.fromkeys([*scoring.segments, *peers])))
    return Subject(path, scoring, model, company, habits, _without_alerts(document.data))


def _without_alerts(data: object) -> str:
    """As JSON, which is YAML 1.2 too."""
    if not isinstance(data, dict):
        raise TypeError("a scoring file that was read is a mapping")
    return json.dumps({key: value for key, value in data.items() if key != "alerts"})
