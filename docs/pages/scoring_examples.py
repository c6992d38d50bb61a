"""The examples of docs/scoring-file.md. Each is valid: a fragment together with `AROUND`, which a test sees to."""

SMALLEST = """
version: 1
events:
  report_created: {}
  app_opened: {}
models:
  engagement:
    weights: {report_created: 8, app_opened: 1}
"""

AROUND = SMALLEST
"""What a fragment leaves out is taken from here."""

COMPLETE = """
# yaml-language-server: $schema=scoring.schema.json
version: 1
bucket: 1d
timezone: Europe/Berlin                # days begin at midnight there
events:
  app_opened: {}
  report_created: {core: true, advanced: true}
  slack_connected: {integration: true}
  session: {duration: true}            # its value is seconds
  import_failed: {}
exclude:
  users: ["*@ourcompany.example", "bot-*"]
segments: [plan, region]
models:
  engagement:                          # who gets value out of the product, over a month
    window: 30d
    half_life: 14d
    weights:
      app_opened: {weight: 1, cap: {user: 5, account: 500}}
      report_created: 8
      slack_connected: {weight: 20, cap: {user: 1, account: 50}}
      session: {weight: 0.002, cap: {user: 7200, account: 720000}}
      import_failed: -4
    benchmark: {percentile: 90, peers: [plan, region], min_population: 20, initial: 250}
    curve: {shape: exponential, steepness: auto}
    bands: {at_risk: 0, low: 25, healthy: 50, champion: 75}
    margin: 2
    hold: 1h
  points:                              # the plain sum, this week
    kinds: [user]
    window: 7d
    weights: {report_created: 10, app_opened: 1}
    curve: {shape: none}
    bands: {few: 0, some: 20, many: 100}
alerts:
  churn_risk: {model: engagement, kind: account, when: {crossed_below: 25}, cooldown: 1d, severity: critical}
  champion: {model: engagement, kind: user, when: {band_changed: [champion]}, severity: info}
kpis: {window: 30d, goals: {license_utilization: 0.8}}
history: {user: 30d, account: 400d}
"""

BY_SECTION = {
    "ScoringKeys": """
bucket: 1h                             # for scores that age by the hour
""",
    "EventKeys": """
events:
  app_opened: {}
  report_created: {core: true, advanced: true}
  slack_connected: {integration: true}
  session: {duration: true}
""",
    "ExcludeKeys": """
exclude:
  users: ["*@ourcompany.example", "bot-*"]      # a value that begins with * must be quoted
""",
    "ModelKeys": """
models:
  engagement: {window: 30d, half_life: 14d, weights: {report_created: 8}}
  recently: {window: 7d, weights: {report_created: 8}, bands: {quiet: 0, some: 20, busy: 60}}
  points: {kinds: [user], weights: {report_created: 8}, curve: {shape: none}}
""",
    "WeightKeys": """
models:
  engagement:
    weights:
      report_created: {weight: 8, cap: {user: 10, account: 200}}    # a script buys no score
      app_opened: {weight: 1, cap: 5}                               # 5 a user and bucket, accounts unbounded
""",
    "CapKeys": "",
    "BenchmarkKeys": """
segments: [plan, region]
models:
  engagement:
    weights: {report_created: 8}
    benchmark: {percentile: 90, peers: [plan, region], min_population: 20, initial: 250}
""",
    "CurveKeys": """
models:
  engagement: {weights: {report_created: 8}, curve: {shape: exponential, steepness: auto}}
""",
    "RuleKeys": """
alerts:
  churn_risk: {model: engagement, kind: account, when: {crossed_below: 25}, cooldown: 1d, severity: critical}
""",
    "WhenKeys": """
alerts:
  risen: {model: engagement, kind: user, when: {crossed_above: 90}}
  moved: {model: engagement, kind: account, when: {band_changed: true}}
  in_danger: {model: engagement, kind: account, when: {band_changed: [at_risk, inactive]}}
""",
    "KpiKeys": """
segments: [plan, region]               # KPIs of all accounts that share a trait's value, too
kpis:
  window: 30d
  goals: {license_utilization: 0.8, stickiness: 0.25}
""",
    "HistoryKeys": """
history: {user: 30d, account: 400d}
""",
}
"""By the class of the section's keys."""

MISTAKEN = """\
version: 1
bucket: 7m
events:
  report_created: {cor: true}
models:
  engagement:
    window: 30
    weights: {report_created: eight}
    margn: 2
  health: {score: health, parts: {engagement: 1}}
alerts:
  churn_risk: {model: engagment, kind: account, when: {crossed_below: 25}}
"""
