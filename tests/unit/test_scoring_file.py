"""The scoring file: what loads, what is refused, and how a refusal names line, key, value and way out."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from scorer.core.model import (
    DEFAULT_BANDS,
    Band,
    BenchmarkRule,
    Curve,
    EventTags,
    HistoryDays,
    Kind,
    KpiRules,
    Model,
    Scoring,
    Shape,
    Weight,
)
from scorer.scoring_file import MOST_BYTES, ScoringFileError, json_schema, load, parse
from scorer.scoring_file.schema import EventKeys

EXAMPLE = """\
version: 1
bucket: 1d                         # width of a count; 1h or 15m too. Windows are whole buckets
timezone: UTC
events:
  app_opened: {}
  report_created: {core: true, advanced: true}
  slack_connected: {integration: true}
  session: {duration: true}        # its value is seconds
exclude:
  users: ["*@ourcompany.example", "bot-*"]
models:
  engagement:
    score: weighted
    kinds: [user, account]
    window: 30d
    half_life: null                # e.g. 14d
    weights: {app_opened: 1, report_created: 8, slack_connected: {weight: 20, cap: {user: 1, account: 50}}}
    rollup: counts
    tenure: as_is
    benchmark: {against: peers, percentile: 90, min_population: 20, initial: null}
    curve: {shape: exponential, steepness: 3}
    bands: {at_risk: 0, low: 25, healthy: 50, champion: 75}
    margin: 2
    hold: 0s
  points: {score: weighted, kinds: [user], window: 30d, weights: {app_opened: 1}, curve: {shape: none}}
"""


def document(model: str = "", *, top: str = "", events: str = "{a: {}, b: {}}", weights: str = "{a: 1}") -> str:
    """A small file, the model's keys in line 5, further top-level keys in line 4."""
    keys = f", {model}" if model else ""
    return f"version: 1\nevents: {events}\nmodels:\n  m: {{weights: {weights}{keys}}}\n{top}\n"


def model(keys: str = "", *, top: str = "", weights: str = "{a: 1}") -> Model:
    return parse(document(keys, top=top, weights=weights)).models[0]


def refused(text: str) -> str:
    with pytest.raises(ScoringFileError) as caught:
        parse(text, "scoring.yaml")
    return str(caught.value)


def test_the_example_of_the_interfaces_loads() -> None:
    weights = {"app_opened": Weight(1.0), "report_created": Weight(8.0), "slack_connected": Weight(20.0, 1.0, 50.0)}
    assert parse(EXAMPLE) == Scoring(
        bucket_seconds=86_400,
        events=("app_opened", "report_created", "session", "slack_connected"),
        models=(
            Model("engagement", (Kind.USER, Kind.ACCOUNT), 30, weights),
            Model("points", (Kind.USER,), 30, {"app_opened": Weight(1.0)}, curve=Curve(Shape.NONE)),
        ),
        exclude_users=("*@ourcompany.example", "bot-*"),
        tags={
            "report_created": EventTags(core=True, advanced=True),
            "session": EventTags(duration=True),
            "slack_connected": EventTags(integration=True),
        },
    )


def test_kpis_are_over_whole_days_and_have_goals() -> None:
    assert parse(document()).kpis is None
    assert parse(document(top="kpis: {}")).kpis == parse(document(top="kpis:")).kpis == KpiRules(30)
    goals = {"license_utilization": 0.8, "mau": 40}
    scoring = parse(document(top="kpis: {window: 7d, goals: {license_utilization: 0.8, mau: 40}}"))
    assert scoring.kpis == KpiRules(7, goals)
    assert (scoring.retention, parse(document("window: 1d", top="kpis: {window: 30d}")).retention) == (30, 61)
    assert parse(document("window: 1d", top="bucket: 1h\nkpis: {window: 3d}")).retention == 11 * 24
    assert "must be whole days, 1d to 90d" in refused(document(top="kpis: {window: 36h}"))
    assert 'kpis.window: "91d": must be whole days' in refused(document(top="kpis: {window: 91d}"))
    assert "stickyness" in refused(document(top="kpis: {goals: {stickyness: 0.2}}"))
    assert "did you mean stickiness?" in refused(document(top="kpis: {goals: {stickyness: 0.2}}"))


def test_a_file_is_loaded_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "scoring.yaml"
    path.write_text("\ufeff" + EXAMPLE, encoding="utf-8")
    assert load(path) == parse(EXAMPLE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read: No such file or directory"),
        (b"version: \xff", "must be UTF-8: byte 9 isn't"),
        ("version: 1".encode("utf-16"), "must be UTF-8: byte 0 isn't"),
        (b"#" * (MOST_BYTES + 1), "is too large: a scoring file has at most 4 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "scoring.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScoringFileError, match=re.escape(reason)) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", "can't be read: Is a directory"),
        ("/dev/zero", "is too large"),
        ("/dev/null", "is empty: start with `version: 1`"),
        ("a\0b", "can't be read: embedded null byte"),
        ("x" * 300, "can't be read: File name too long"),
    ],
)
def test_what_is_no_file_is_named(path: str, reason: str) -> None:
    with pytest.raises(ScoringFileError, match=re.escape(reason)):
        load(path)


def test_defaults_are_those_of_the_interfaces() -> None:
    scoring = parse(document())
    assert (scoring.bucket_seconds, scoring.exclude_users) == (86_400, ())
    assert scoring.models == (
        Model(
            name="m",
            kinds=(Kind.USER, Kind.ACCOUNT),
            window=30,
            weights={"a": Weight(1.0)},
            half_life=None,
            benchmark=BenchmarkRule(90.0, 20, None),
            curve=Curve(Shape.EXPONENTIAL, 3.0),
            bands=DEFAULT_BANDS,
            margin=2.0,
            hold_ms=0,
        ),
    )


def test_history_is_kept_in_days() -> None:
    assert parse(document()).history == HistoryDays(8, 400)
    assert parse(document(top="history: {user: 30d}")).history == HistoryDays(30, 400)
    assert parse(document(top="history: {user: 192h, account: 4000d}")).history == HistoryDays(8, 4_000)


def test_a_file_written_in_another_order_has_the_same_hash() -> None:
    one = parse(
        "version: 1\nevents: {a: {core: true}, b: {}}\nmodels: {m: {weights: {a: 1, b: 2.0}, kinds: [user, account]}}"
    )
    other = parse(
        "models: {m: {kinds: [account, user], weights: {b: 2, a: 1.0}}}\nevents: {b: , a: {core: true}}\nversion: 1"
    )
    assert one.hash == other.hash
    assert one.models[0].hash == other.models[0].hash
    assert one.models[0].hash != model(weights="{a: 1, b: 2.5}").hash


# What the YAML says


def test_keys_such_as_on_and_no_are_text() -> None:
    scoring = parse(document(events="{on: {}, no: {}, y: {}}", weights="{on: 1, no: 2, y: 3}"))
    assert scoring.events == ("no", "on", "y")
    assert scoring.models[0].weights["no"] == Weight(2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "scoring.yaml: is empty"),
        ("# only a comment\n", "scoring.yaml: is empty"),
        ("- 1", "scoring.yaml:1: must be a mapping of keys to values"),
        ("version: 1\nevents: [a", "scoring.yaml:2: is not YAML: while parsing a flow sequence expected ',' or ']'"),
        ("version: 1\n---\nversion: 1", "scoring.yaml:2: is not YAML: expected a single document"),
        ("# line 1\na: \x01", "scoring.yaml:2: is not YAML: the character U+0001 can't stand in it"),
        ("\x7fELF\x02\x01\x00", "scoring.yaml:1: is not YAML: the character U+007F can't stand in it"),
        ("events:\n\ta: {}", "scoring.yaml:2: is not YAML: "),
        ("events:\n\ta: {}", "indent and separate with spaces, not tabs"),
        ("exclude:\n  users: [*@ours.example]", "scoring.yaml:2: is not YAML: found undefined alias"),
        ("exclude:\n  users: [*@ours.example]", "a value that starts with * must be quoted"),
        ("version: 1\nversion: 1", "scoring.yaml:2: version: stands twice, first in line 1"),
        ("events:\n  a: {}\n  b: {}\n  a: {core: true}", "scoring.yaml:4: events.a: stands twice, first in line 2"),
        ("events:\n  404: {}", "scoring.yaml:2: events: the key 404 isn't text: put it in quotes"),
        ("events:\n  true: {}", "scoring.yaml:2: events: the key true isn't text: put it in quotes"),
        ("events:\n  2026-01-01: {}", "scoring.yaml:2: events: the key 2026-01-01 isn't text: put it in quotes"),
        ("%YAML 1.1\n---\non: 1", "scoring.yaml:3: the key on isn't text"),
        ("? [a]\n: 1", "scoring.yaml:1: the key a mapping or list isn't text"),
        ("a: &a {}\nb:\n  <<: *a", "scoring.yaml:3: b: YAML 1.2 has no merge key"),
        ("a: &a [*a]", "scoring.yaml:1: a[0]: an alias must not stand inside of what it names"),
        ("a: !secret b", "scoring.yaml:1: a: has the tag !secret, which means nothing here"),
        ("a: !!python/object:os.system b", "which means nothing here"),
        ("a: !!int b", "scoring.yaml:1: a: b can't be read as a YAML int: in quotes, and without a tag, it is text"),
        ("a: !!bool b", "scoring.yaml:1: a: b can't be read as a YAML bool"),
        ("a: 2026-13-41", "scoring.yaml:1: a: 2026-13-41 can't be read as a YAML timestamp"),
        (f"a: {'9' * 5000}", f"scoring.yaml:1: a: {'9' * 60}... can't be read as a YAML int"),
        (f"a: 0x{'f' * 5000}", f"scoring.yaml:1: a: 0x{'f' * 58}... is beyond every limit"),
        ('a: "x\\ud800"', "scoring.yaml:1: a: x\\ud800 holds half of a surrogate pair"),
        ('"\\ud800": 1', "scoring.yaml:1: the key \\ud800 holds half of a surrogate pair"),
        ("[" * 2000, "nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, message: str) -> None:
    assert message in refused(text)


def test_an_alias_stands_for_what_it_names() -> None:
    scoring = parse("version: 1\nevents: {a: {}}\nmodels:\n  m: &m {weights: {a: 1}}\n  n: *m")
    assert scoring.models[0].weights == scoring.models[1].weights


def test_of_an_anchor_that_stands_twice_the_last_before_its_alias_counts() -> None:
    text = (
        "version: 1\nevents: {a: {}}\nmodels:\n  m: {weights: &w {a: 1}}\n  n: {weights: &w {a: 2}}\n  o: {weights: *w}"
    )
    assert parse(text).models[2].weights == {"a": Weight(2.0)}


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_any_line_end_will_do(line_end: str) -> None:
    assert parse(EXAMPLE.replace("\n", line_end)) == parse(EXAMPLE)


def test_aliases_of_aliases_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorer.scoring_file.document._MOST_VALUES", 10_000)
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    assert "has more than 10000 values" in refused("\n".join(lines))


# What the keys say


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(top="evnts: {}"), "scoring.yaml:5: evnts: unknown key: allowed are version, bucket, "),
        (document(top="evnts: {}"), "(did you mean events?)"),
        (document("margn: 2"), "scoring.yaml:4: models.m.margn: unknown key: "),
        (document("margn: 2"), "(did you mean margin?)"),
        (document("benchmark: {percentle: 90}"), "models.m.benchmark.percentle: unknown key"),
        (document("benchmark: {percentle: 90}"), "(did you mean percentile?)"),
        (document("curve: {Shape: none}"), "models.m.curve.Shape: unknown key: allowed are shape, steepness (did"),
        (document(events="{a: {cor: true}}"), "scoring.yaml:2: events.a.cor: unknown key: allowed are core, advanced"),
        (document(top="exclude: {accounts: [x]}"), "scoring.yaml:5: exclude.accounts: unknown key: allowed are users"),
        (document(weights="{a: {wait: 1}}"), "models.m.weights.a.wait: unknown key: allowed are weight, cap"),
        (document(weights="{a: {wait: 1}}"), "models.m.weights.a.weight: is required"),
        (
            document(weights="{a: {weight: 1, cap: {users: 1}}}"),
            "models.m.weights.a.cap.users: unknown key: allowed are",
        ),
        (
            document(top="zzz: 1"),
            "zzz: unknown key: allowed are version, bucket, timezone, events, exclude, segments, models, alerts, "
            "kpis, history\n",
        ),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(text: str, message: str) -> None:
    assert message in refused(text) + "\n"


@pytest.mark.parametrize("key", ["version", "events", "models"])
def test_a_file_needs_its_version_events_and_models(key: str) -> None:
    lines = [
        line for line in document().splitlines() if not line.startswith((key, *(["  "] if key == "models" else [])))
    ]
    assert f"{key}: is required" in refused("\n".join(lines))


BAD_VALUES = [
    ("version: 2", "version: 2: must be 1"),
    ('version: "1"', 'version: "1": must be 1'),
    ("version: true", "version: true: must be 1"),
    ("bucket: 7m", 'bucket: "7m": must be at least 1m and divide a day evenly'),
    ("bucket: 2d", 'bucket: "2d": must be at least 1m and divide a day evenly'),
    ("bucket: 30s", 'bucket: "30s": must be at least 1m and divide a day evenly'),
    ("bucket: 67500ms", 'bucket: "67500ms": must be at least 1m and divide a day evenly'),
    ("bucket: 3600", "bucket: 3600: must be a whole number with its unit"),
    ("timezone: 3", "timezone: 3: must be text"),
    ("timezone: Berlin", 'timezone: "Berlin": must be a time zone of the tz database, such as UTC, Europe/Berlin or '),
    ("timezone: Berlin", "America/New_York (did you mean Europe/Berlin?)"),
    ("timezone: utc", 'timezone: "utc": must be a time zone'),
    ("timezone: utc", "(did you mean UTC?)"),
    ("timezone: localtime", 'timezone: "localtime": must be a time zone'),
    ("timezone: ../UTC", 'timezone: "../UTC": must be a time zone'),
    ("timezone: +02:00", 'timezone: "+02:00": must be a time zone'),
    (
        "bucket: 1h\ntimezone: Europe/Berlin",
        'scoring.yaml:2: timezone: "Europe/Berlin": is for `bucket: 1d` only: set that, or leave the time zone out '
        "(buckets of 1h are aligned to UTC)",
    ),
    ("events: {}", "events: {}: must not be empty"),
    ("events: [a]", "events: [...]: must be a mapping"),
    ("events: {a: yes}", 'events.a: "yes": must be a mapping'),
    ("events: {a: {core: yes}}", 'events.a.core: "yes": must be true or false'),
    ("events: {a: {core: 1}}", "events.a.core: 1: must be true or false"),
    ('events: {"": {}}', 'events."": {}: an event type must be 1 to 512 bytes of UTF-8'),
    (f"events: {{{'ä' * 257}: {{}}}}", "an event type must be 1 to 512 bytes of UTF-8"),
    ('events: {"a\\x07": {}}', "an event type must be 1 to 512 bytes of UTF-8 without control characters"),
    ("exclude: {users: bot-*}", 'exclude.users: "bot-*": must be a list'),
    ('exclude: {users: [""]}', 'exclude.users[0]: "": must be a pattern of user ids'),
    ("exclude: {users: [1]}", "exclude.users[0]: 1: must be text"),
    ("models: {}", "models: {}: must not be empty"),
    ("history: {user: 7d}", 'history.user: "7d": must be whole days, 8d to 400d'),
    ("history: {user: 401d}", 'history.user: "401d": must be whole days, 8d to 400d'),
    ("history: {account: 4001d}", 'history.account: "4001d": must be whole days, 8d to 4000d'),
    ("history: {account: 193h}", 'history.account: "193h": must be whole days, 8d to 4000d'),
    ("history: {user: 8}", "history.user: 8: must be a whole number with its unit"),
    ("history: {users: 8d}", "history.users: unknown key: allowed are user, account (did you mean user?)"),
    ("history: 30d", 'history: "30d": must be a mapping'),
]


@pytest.mark.parametrize(("line", "message"), BAD_VALUES)
def test_a_bad_value_is_named_with_what_is_allowed(line: str, message: str) -> None:
    key = line.partition(":")[0]
    kept = [old for old in document().splitlines() if not old.startswith(key)]
    assert message in refused("\n".join([line, *kept]) if key != "models" else f"version: 1\nevents: {{a: }}\n{line}")


BAD_MODELS = [
    ("score: wieghted", 'score: "wieghted": must be weighted (did you mean weighted?)'),
    ("kinds: []", "kinds: []: must not be empty"),
    ("kinds: [user, user]", "kinds: [...]: must name each only once"),
    ("kinds: [usr]", 'kinds[0]: "usr": must be user or account (did you mean user?)'),
    ("kinds: user", 'kinds: "user": must be a list'),
    ("window: 30", "window: 30: must be a whole number with its unit"),
    ("window: 0d", 'window: "0d": must be longer than 0'),
    ("window: 36h", 'window: "36h": must be whole buckets of 1d, from 1 to 100000 of them'),
    ("window: 100001d", 'window: "100001d": must be whole buckets of 1d, from 1 to 100000 of them'),
    ("half_life: 0s", 'half_life: "0s": must be longer than 0'),
    ("half_life: 14", "half_life: 14: must be a whole number with its unit"),
    ("benchmark: 90", "benchmark: 90: must be a mapping"),
    ("benchmark: {against: pears}", 'benchmark.against: "pears": must be peers (did you mean peers?)'),
    ("benchmark: {percentile: 101}", "benchmark.percentile: 101: must be less than or equal to 100"),
    ("benchmark: {percentile: -1}", "benchmark.percentile: -1: must be greater than or equal to 0"),
    ("benchmark: {min_population: 0}", "benchmark.min_population: 0: must be greater than or equal to 1"),
    ("benchmark: {min_population: 2.5}", "benchmark.min_population: 2.5: must be a whole number"),
    ("benchmark: {initial: 0}", "benchmark.initial: 0: must be greater than 0"),
    ("benchmark: {initial: .inf}", "benchmark.initial: Infinity: must be a finite number"),
    ("curve: {shape: linea}", 'curve.shape: "linea": must be none, linear, exponential, power_user or uncapped (did'),
    ("curve: {steepness: 0}", "curve.steepness: 0: must be greater than 0"),
    ("curve: {steepness: 101}", "curve.steepness: 101: must be less than or equal to 100"),
    ("curve: {steepness: .nan}", "curve.steepness: NaN: must be"),
    ("curve: {steepness: true}", "curve.steepness: true: must be a number or auto"),
    ("curve: {steepness: automatic}", 'curve.steepness: "automatic": must be a number or auto'),
    ("curve: {steepness: [1]}", "curve.steepness: [...]: must be a number or auto"),
    (
        "curve: {shape: linear, steepness: auto}",
        'curve.steepness: "auto": is for the shape exponential only: with linear give a number',
    ),
    ("benchmark: {peers: plan}", 'benchmark.peers: "plan": must be a list'),
    ("benchmark: {peers: [plan, 1]}", "benchmark.peers[1]: 1: must be text"),
    ('benchmark: {peers: [""]}', 'benchmark.peers[0]: "": a trait\'s name must be 1 to 64 bytes'),
    ("benchmark: {peers: [plan, plan]}", "benchmark.peers: [...]: must name each only once"),
    ("benchmark: {peers: [a, b, c, d, e, f, g, h, i]}", "benchmark.peers: [...]: must hold at most 8"),
    ("bands: {}", "bands: {}: must not be empty"),
    ("bands: {low: 0, mid: 50, high: 50}", "bands.high: 50: must be above the bound before it, 50: bands ascend"),
    ("bands: {high: 75, low: 25}", "bands.low: 25: must be above the bound before it, 75: bands ascend"),
    ("bands: {low: 0, high: null}", "bands.high: null: must have a lower bound"),
    ("bands: {Inactive: 0}", "bands.Inactive: 0: the name is reserved"),
    ('bands: {" low": 0}', 'bands." low": 0: a band\'s name must be 1 to 64 characters'),
    (f"bands: {{{'x' * 65}: 0}}", f"bands.{'x' * 65}: 0: a band's name must be 1 to 64 characters"),
    ("bands: {low: x}", 'bands.low: "x": must be a number'),
    ("margin: -1", "margin: -1: must be greater than or equal to 0"),
    ("hold: 5", "hold: 5: must be a whole number with its unit"),
    ("draft: maybe", 'draft: "maybe": must be false'),
    ("rollup: max", 'rollup: "max": must be counts'),
    ("tenure: scale", 'tenure: "scale": must be as_is'),
]


@pytest.mark.parametrize(("keys", "message"), BAD_MODELS)
def test_a_bad_value_of_a_model_is_named_with_what_is_allowed(keys: str, message: str) -> None:
    assert f"scoring.yaml:4: models.m.{message}" in refused(document(keys))


BAD_WEIGHTS = [
    ("{}", "weights: {}: must not be empty"),
    ("{a: 0}", "weights: {...}: must have a weight other than 0"),
    ("{a: {weight: 0, cap: 3}}", "weights: {...}: must have a weight other than 0"),
    ("{a: '8'}", 'weights.a: "8": must be a number or {weight: ..., cap: ...}'),
    ("{a: true}", "weights.a: true: must be a number or {weight: ..., cap: ...}"),
    ("{a: null}", "weights.a: null: must be a number or {weight: ..., cap: ...}"),
    ("{a: [1]}", "weights.a: [...]: must be a number or {weight: ..., cap: ...}"),
    ("{a: .inf}", "weights.a: Infinity: must be"),
    ("{a: 1e10}", "weights.a: 10000000000.0: must be less than or equal to 1000000000"),
    ("{a: -1e10}", "weights.a: -10000000000.0: must be greater than or equal to -1000000000"),
    (f"{{a: 1{'0' * 400}}}", "weights.a: 10"),
    ("{a: {weight: x}}", 'weights.a.weight: "x": must be a number'),
    ("{a: {weight: 1, cap: 0}}", "weights.a.cap: 0: must be greater than 0"),
    ("{a: {weight: 1, cap: x}}", 'weights.a.cap: "x": must be a number or {user: ..., account: ...}'),
    ("{a: {weight: 1, cap: {}}}", "weights.a.cap: {}: must bound user, account or both"),
    ("{a: {weight: 1, cap: {user: -1}}}", "weights.a.cap.user: -1: must be greater than 0"),
    ("{aa: 1}", "weights.aa: has a weight but isn't named in `events` (did you mean a?)"),
    ("{a: 1, zebra: 1}", "weights.zebra: has a weight but isn't named in `events`"),
]


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS)
def test_a_bad_weight_is_named_with_what_is_allowed(weights: str, message: str) -> None:
    assert f"scoring.yaml:4: models.m.{message}" in refused(document(weights=weights))


@pytest.mark.parametrize("name", ["Engagement", "a:b", "", "a" * 65, "ä", '"a\\n"'])
def test_a_model_name_that_cannot_stand_in_a_key_is_refused(name: str) -> None:
    text = document().replace("  m:", f"  {name or chr(34) * 2}:")
    assert "a model's name must be 1 to 64 of a-z, 0-9, _ and -" in refused(text)


def test_every_problem_is_named_in_the_order_of_the_lines() -> None:
    changes = {
        "margin: 2": "margin: no",
        "core: true": "core: 3",
        "window: 30d\n": "window: x\n",
        "bucket: 1d": "zzz: 1",
    }
    text = EXAMPLE
    for old, new in changes.items():
        text = text.replace(old, new)
    assert [line.split(": ")[:2] for line in refused(text).splitlines()] == [
        ["scoring.yaml:2", "zzz"],
        ["scoring.yaml:6", "events.report_created.core"],
        ["scoring.yaml:15", "models.engagement.window"],
        ["scoring.yaml:23", "models.engagement.margin"],
    ]


def test_a_key_that_looks_odd_is_quoted_in_its_path() -> None:
    assert 'scoring.yaml:2: events."a b.c".cor: unknown key' in refused(document(events='{"a b.c": {cor: true}}'))


def test_an_event_may_be_called_like_a_key_or_like_a_form() -> None:
    events = "{weight: {}, cap: {}, '@number': {}, '@mapping': {}, models: {}, '*': {}}"
    weights = "{weight: 1, cap: {weight: 2, cap: 3}, '@number': 4, '@mapping': {weight: 5}, models: 6, '*': 7}"
    assert len(parse(document(events=events, weights=weights)).models[0].weights) == 6
    broken = weights.replace("weight: 5", "weight: x")
    assert 'models.m.weights."@mapping".weight: "x": must be a number' in refused(
        document(events=events, weights=broken)
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("[plan, plan]", "must name each only once"),
        ("[plan, 5]", "must be text"),
        ("plan", "must be a list"),
        ('[""]', "a trait's name must be 1 to 64 bytes"),
        ('["a\\tb"]', "a trait's name must be 1 to 64 bytes"),
        (f"[{'x' * 65}]", "a trait's name must be 1 to 64 bytes"),
    ],
)
def test_segments_are_names_of_traits(written: str, problem: str) -> None:
    assert problem in refused(document(top=f"segments: {written}"))


def test_the_order_of_segments_means_nothing() -> None:
    one, other = (parse(document(top=f"segments: {written}")) for written in ("[region, plan]", "[plan, region]"))
    assert one.segments == ("plan", "region")
    assert one.hash == other.hash


# What is not yet supported

NOT_YET_AT_THE_TOP = [
    ("destinations: {sales: {webhook: {url: https://example.com}}}", "destinations"),
    ("rankings: [user]", "rankings"),
]
NOT_YET_IN_A_MODEL = [
    ("score: pes", 'score: "pes"'),
    ("score: health", 'score: "health"'),
    ("kinds: [account, segment]", 'kinds[1]: "segment"'),
    ("kinds: [product]", 'kinds[0]: "product"'),
    ("rollup: mean", 'rollup: "mean"'),
    ("rollup: sum", 'rollup: "sum"'),
    ("tenure: normalise", 'tenure: "normalise"'),
    ("draft: true", "draft: true"),
    ("benchmark: {against: self}", 'benchmark.against: "self"'),
]


@pytest.mark.parametrize(("line", "named"), NOT_YET_AT_THE_TOP)
def test_what_this_version_lacks_is_not_yet_supported(line: str, named: str) -> None:
    assert refused(document(top=line)).startswith(f"scoring.yaml:5: {named}: not yet supported: ")


@pytest.mark.parametrize(("keys", "named"), NOT_YET_IN_A_MODEL)
def test_what_this_versions_models_lack_is_not_yet_supported(keys: str, named: str) -> None:
    message = refused(document(keys))
    assert message.startswith(f"scoring.yaml:4: models.m.{named}: not yet supported: ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "keys",
    [
        "{score: pes, kinds: [account, segment, product], combine: mean, stickiness: dau_mau}",
        "{score: health, kinds: [account], parts: {engagement: 0.5, license_utilization: 0.3, pes: 0.2}}",
    ],
)
def test_the_keys_of_a_later_score_are_not_called_unknown(keys: str) -> None:
    message = refused(document() + f"  later: {keys}")
    assert message.startswith("scoring.yaml:6: models.later.score: ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("keys", ["hold: 0s", "draft: false", "rollup: counts", "tenure: as_is", "score: weighted"])
def test_the_values_that_change_nothing_are_accepted(keys: str) -> None:
    assert model(keys) == model()


# What becomes of it


@pytest.mark.parametrize(
    ("bucket", "seconds"), [("1d", 86_400), ("24h", 86_400), ("1h", 3_600), ("90m", 5_400), ("1m", 60)]
)
def test_a_bucket_divides_a_day(bucket: str, seconds: int) -> None:
    assert parse(document(top=f"bucket: {bucket}")).bucket_seconds == seconds


def test_days_are_those_of_the_time_zone() -> None:
    utc, berlin = (parse(document(top=f"bucket: 24h\ntimezone: {zone}")) for zone in ("UTC", "Europe/Berlin"))
    assert (parse(document()).timezone, utc.timezone, berlin.timezone) == ("UTC", "UTC", "Europe/Berlin")
    assert berlin.hash != utc.hash
    assert berlin.models == utc.models
    begin_ms = 1_711_839_600_000  # 2024-03-31 00:00 in Berlin
    assert [berlin.calendar.bucket_of(begin_ms + ms) for ms in (-1, 0)] == [19_812, 19_813]
    assert [utc.calendar.bucket_of(begin_ms + ms) for ms in (-1, 0)] == [19_812, 19_812]


def test_window_and_half_life_are_counted_in_buckets() -> None:
    found = model("window: 36h, half_life: 90m", top="bucket: 1h")
    assert (found.window, found.half_life) == (36, 1.5)
    assert model("window: 1d, half_life: 12h").half_life == 0.5


def test_a_hold_is_kept_in_milliseconds() -> None:
    assert model("hold: 90s").hold_ms == 90_000
    assert model("hold: 90s").hash != model("hold: 91s").hash


def test_a_cap_that_is_a_number_bounds_users_only() -> None:
    weights = model(weights="{a: {weight: 2, cap: 20}, b: {weight: -1.5, cap: {account: 5}}}").weights
    assert weights == {"a": Weight(2.0, cap_user=20.0), "b": Weight(-1.5, cap_account=5.0)}


def test_a_weight_of_0_excludes_the_type() -> None:
    assert model(weights="{a: 1, b: 0}").weights == {"a": Weight(1.0)}


def test_facts_on_event_types_change_no_score() -> None:
    facts = ", ".join(f"{fact}: true" for fact in EventKeys.model_fields)
    with_facts, without = (
        parse(document(events=events)) for events in (f"{{a: {{{facts}}}, b: {{}}}}", "{a: , b: {}}")
    )
    assert with_facts.models[0].hash == without.models[0].hash
    assert (with_facts.tags, without.tags) == ({"a": EventTags(True, True, True, True)}, {})


def test_the_lowest_band_has_no_bound_whatever_stands_there() -> None:
    expected = (Band("低", float("-inf")), Band("high", 50.0))
    for lowest in ("0", "null", "-5", "40"):
        assert model(f"bands: {{低: {lowest}, high: 50}}").bands == expected


def test_bands_of_a_plain_sum_default_like_any_others() -> None:
    assert model("curve: {shape: none}").bands == DEFAULT_BANDS


@pytest.mark.parametrize("shape", list(Shape))
def test_each_shape_is_read(shape: Shape) -> None:
    assert model(f"curve: {{shape: {shape}, steepness: 0.5}}").curve == Curve(shape, 0.5)


def test_a_benchmark_rule_is_read() -> None:
    rule = model("benchmark: {percentile: 50, min_population: 1, initial: 12}").benchmark
    assert rule == BenchmarkRule(50.0, 1, 12.0)


def test_peers_are_read_in_their_order() -> None:
    assert model("benchmark: {peers: [region, plan]}").benchmark == BenchmarkRule(peers=("region", "plan"))
    assert model("benchmark: {peers: [region]}").hash != model("benchmark: {peers: [plan]}").hash != model().hash


def test_a_plain_sum_has_no_peers() -> None:
    assert model("curve: {shape: none}, benchmark: {peers: [plan]}") == model("curve: {shape: none}")


def test_peers_are_among_the_segments_where_there_are_any() -> None:
    keys = "benchmark: {peers: [region, plan]}"
    assert model(keys, top="segments: [plan, region]").benchmark.peers == ("region", "plan")
    way_out = "isn't listed in `segments`: add it there, or leave `segments` out"
    for segments, meant in (("[region]", ""), ("[region, plans]", " (did you mean plans?)"), ("[region, tier]", "")):
        message = refused(document(keys, top=f"segments: {segments}"))
        assert message == f'scoring.yaml:4: models.m.benchmark.peers[1]: "plan": {way_out}{meant}'
    assert "peers[0]" in refused(document(keys, top="segments: []"))


def test_auto_steepness_is_read_and_is_another_model() -> None:
    assert model("curve: {steepness: auto}").curve == Curve(Shape.EXPONENTIAL, None)
    assert model("curve: {steepness: auto}").hash != model().hash


def test_a_pattern_given_twice_stands_once() -> None:
    assert parse(document(top="exclude: {users: [bot-*, x, bot-*]}")).exclude_users == ("bot-*", "x")


@pytest.mark.parametrize(("count", "fits"), [(4_096, True), (4_097, False)])
def test_at_most_4096_event_types(count: int, fits: bool) -> None:
    text = document(events="{" + ", ".join(["a: ", *(f"e{n}: " for n in range(count - 1))]) + "}")
    if fits:
        assert len(parse(text).events) == count
    else:
        assert "events: {...}: must hold at most 4096" in refused(text)


@pytest.mark.parametrize(("count", "fits"), [(64, True), (65, False)])
def test_at_most_64_models(count: int, fits: bool) -> None:
    text = document() + "\n".join(f"  m{n}: {{weights: {{a: 1}}}}" for n in range(count - 1))
    if fits:
        assert len(parse(text).models) == count
    else:
        assert "models: {...}: must hold at most 64" in refused(text)


# The JSON Schema


def nested(schema: Mapping[str, object], *steps: str) -> Mapping[str, object]:
    here: object = schema
    for step in steps:
        assert isinstance(here, dict)
        here = here[step]
    assert isinstance(here, dict)
    return here


def test_the_json_schema_knows_the_same_keys_types_and_limits() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["version", "events", "models"]
    keys = nested(schema, "$defs", "ModelKeys", "properties")
    assert nested(keys, "window")["default"] == "30d"
    assert nested(keys, "window")["pattern"] == "^[0-9]{1,9}(ms|s|m|h|d)$"
    forms = nested(keys, "weights", "additionalProperties")["oneOf"]
    assert isinstance(forms, list)
    assert [form.get("type", form.get("$ref")) for form in forms] == ["number", "#/$defs/WeightKeys"]
    steepness = nested(schema, "$defs", "CurveKeys", "properties", "steepness")
    assert steepness["default"] == 3
    assert steepness["oneOf"] == [
        {"exclusiveMinimum": 0, "maximum": 100, "type": "number"},
        {"const": "auto", "type": "string"},
    ]
    assert nested(schema, "properties", "events")["maxProperties"] == 4_096
    assert [name for name, kind in schema["$defs"].items() if kind["additionalProperties"] is not False] == []


def test_the_json_schema_offers_nothing_that_is_refused() -> None:
    schema = json_schema()
    offered = set(nested(schema, "properties")) | set(nested(schema, "$defs", "BenchmarkKeys", "properties"))
    assert offered.isdisjoint({"destinations", "rankings"})
    assert nested(schema, "$defs", "ModelKeys", "properties", "score")["const"] == "weighted"
