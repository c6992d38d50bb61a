"""The documents are true, as far as that can be told without a server: what they name is there."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import typer
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from docs.pages import FOLDER, PAGES
from docs.pages.scoring_examples import AROUND
from scorer.cli import app
from scorer.metrics import Metrics
from scorer.scoring_file import ScoringFileError, parse
from scorer.setting_sources import variable_of
from scorer.settings import Settings
from tests.decoding import decode
from tests.documents import IN_ORDER, ROOT, Block, Document, documents

DOCUMENTS = documents()
BY_NAME = {document.name: document for document in DOCUMENTS}
COMPOSE = (ROOT / "docker-compose.yml").read_text()
_FOLDERS = "scorer|tests|docs|deploy"

COMMANDS = [command.text for document in DOCUMENTS for command in document.commands()]

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def blocks(*languages: str) -> list[Block]:
    return [block for document in DOCUMENTS for block in document.blocks(*languages)]


def typed(document: Document) -> list[str]:
    """What a reader may type: within sentences and in blocks."""
    return [*document.code(), *(command.text for command in document.commands())]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    """If not: make docs"""
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]()


@every_document
def test_every_link_leads_somewhere(document: Document) -> None:
    for link in document.links():
        path, _, anchor = link.partition("#")
        target = (document.path.parent / path).resolve() if path else document.path
        assert target.exists(), link
        if anchor:
            assert anchor in Document(target).anchors(), link


@every_document
def test_every_path_that_is_named_is_there(document: Document) -> None:
    for code in typed(document):
        for path in re.findall(rf"(?<![\w/.:-])((?:{_FOLDERS})/[\w./-]+)", code):
            assert (ROOT / path).exists(), path
        if re.fullmatch(r"[\w-]+\.(py|md|toml|txt)|Makefile", code):
            assert next(ROOT.glob(f"**/{code}"), None), code


@every_document
def test_every_module_that_is_run_is_there(document: Document) -> None:
    for code in typed(document):
        for module in re.findall(r"python -m ([\w.]+)", code):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), code


@every_document
def test_every_make_target_is_there(document: Document) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for code in typed(document):
        if made := re.match(r"make ([a-z]+)", code):
            assert made[1] in targets, code


@every_document
def test_every_command_is_there_with_its_options(document: Document) -> None:
    for code in typed(document):
        for part in re.split(r"[|>;&]", code):
            if re.match(r"\s*scorer( |$)", part):
                check_command(part)


def check_command(text: str) -> None:
    here: Any = typer.main.get_command(app)
    for word in shlex.split(text)[1:]:
        if word.startswith("--"):
            options = [option for each in here.params for option in each.opts]
            options += ["--help", "--install-completion", "--show-completion"]
            assert word.partition("=")[0] in options, text
        elif hasattr(here, "commands") and not re.fullmatch(r"[A-Z]+|\.\.\.", word):
            for name in word.split("|"):
                assert name in here.commands, text
            here = here.commands[word.partition("|")[0]]


@every_document
def test_every_variable_is_a_setting(document: Document) -> None:
    known = {*map(variable_of, Settings.model_fields), *re.findall(r"\$\{(SCORER_\w+)", COMPOSE)}
    for code in typed(document):
        for variable in re.findall(r"SCORER_[A-Z_]+(?!\w|\.\.\.)", code):
            assert variable in known, code


@every_document
def test_every_metric_is_there(document: Document) -> None:
    registry = CollectorRegistry()
    Metrics(registry, "1")
    known = {name for family in registry.collect() for name in _names(family)}
    for code in document.code():
        for metric in re.findall(r"\bscorer_[a-z_]+\b", code):
            assert metric in known, code


def _names(family: Any) -> set[str]:
    suffixes = {"counter": ("_total",), "histogram": ("", "_bucket", "_count", "_sum")}.get(family.type, ("",))
    return {family.name + suffix for suffix in suffixes}


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: f"{block.document}:{block.line}")
def test_every_scoring_file_is_right_a_fragment_with_what_it_leaves_out(block: Block) -> None:
    if re.search(r"^version:", block.text, re.MULTILINE):
        parse(block.text)
        return
    given = YAML(typ="safe").load(block.text)
    around = YAML(typ="safe").load(AROUND)
    text = json.dumps({key: value for key, value in around.items() if key not in given})
    parse("\n".join([*(f"{key}: {json.dumps(value)}" for key, value in json.loads(text).items()), block.text]))


@pytest.mark.parametrize("block", blocks("yaml invalid"), ids=lambda block: f"{block.document}:{block.line}")
def test_what_is_shown_as_wrong_is_wrong(block: Block) -> None:
    with pytest.raises(ScoringFileError):
        parse(block.text)


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: f"{block.document}:{block.line}")
def test_every_record_that_is_shown_can_be_used(block: Block) -> None:
    columns, rejects = decode([line.encode() for line in block.text.splitlines()])
    assert rejects == []
    assert len(columns) + len(columns.traits) == len(block.text.splitlines())


def test_the_readme_shows_the_scoring_file_that_it_walks_through() -> None:
    (shown,) = (block.text for block in blocks("yaml") if block.document == "README.md" and "version:" in block.text)
    file = (ROOT / "docs/first-scoring.yaml").read_text(encoding="utf-8")
    assert file.partition("\n")[2] == shown and f"cp docs/first-scoring.yaml {Settings().scoring}" in COMMANDS


def test_every_event_that_is_typed_counts_once() -> None:
    typed_events = [command for command in COMMANDS if '"event":' in command]
    assert typed_events and all('"event_id":' in command for command in typed_events)


def test_every_document_with_commands_is_run() -> None:
    assert {document.name for document in DOCUMENTS if document.commands()} <= set(IN_ORDER)


def test_blocks_are_of_languages_that_are_looked_at() -> None:
    """Another one would be read by nobody."""
    looked_at = {"sh", "console", "yaml", "yaml invalid", "json", "text", ""}
    assert {block.language for block in blocks()} <= looked_at


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/decisions"
    listed = {link for link in BY_NAME["docs/decisions/README.md"].links() if not link.startswith("..")}
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}


# ---- docs/guarantees.md


def rows() -> list[tuple[str, str, str]]:
    lines = [line for line in BY_NAME["docs/guarantees.md"].text.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return [(promise, tests, figure) for promise, tests, figure in cells if promise not in ("promise", "---")]


def test_every_promise_has_a_test_that_is_there_or_says_that_it_is_measured() -> None:
    assert len(rows()) > 20
    for promise, tests, figure in rows():
        named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", tests)
        assert named or ("measured, not tested" in promise and figure), promise
        for path, function in named:
            tree = ast.parse((ROOT / path).read_text())
            there = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
            assert (function in there) if function else any(name.startswith("test_") for name in there), function


def test_every_figure_stands_in_the_decision_that_it_links() -> None:
    for promise, _, figure in rows():
        linked = re.findall(r"\((decisions/[\w.-]+)\)", figure)
        assert linked or not figure or figure.startswith("`make "), promise
        said = "".join((ROOT / "docs" / path).read_text() for path in linked)
        for number in re.findall(r"\d[\d,.]*\d|\d", re.sub(r"`[^`]*`|\(\[\d+\]\([^)]*\)\)", "", figure)):
            assert not linked or re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d]|[.,]\d)", said), (promise, number)
        for command in re.findall(r"`(python -m [^`]+)`", figure):
            assert command.split()[2] in said, command


# ---- docker-compose.yml


def composed(text: str) -> compose_spec.PyCompose:
    """As compose reads it where no variable is set."""
    return compose_spec.PyCompose.from_yaml(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))


def test_the_compose_file_is_one_and_what_it_mounts_and_builds_is_there() -> None:
    found = composed(COMPOSE)
    found.validate()
    assert found.service_names() == ["kafka", "redis", "worker"]
    worker = YAML(typ="safe").load(COMPOSE)["services"]["worker"]
    assert (ROOT / worker["build"]["dockerfile"]).is_file()
    for volume in worker["volumes"]:
        default = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume)
        assert (ROOT / default.split(":")[0]).is_file()
    variables = {name for name in worker["environment"] if name.startswith("SCORER_")}
    assert variables <= set(map(variable_of, Settings.model_fields))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("interval: 5s", "intervall: 5s"), ("interval: 5s", "interval: 5x"), ("image: redis", "imagee: redis")],
)
def test_a_mistake_in_the_compose_file_would_be_found(right: str, wrong: str) -> None:
    assert right in COMPOSE
    with pytest.raises(ValueError, match=wrong.partition(":")[0]):
        composed(COMPOSE.replace(right, wrong))


def test_a_picture_of_the_readme_is_one() -> None:
    for link in BY_NAME["README.md"].links():
        if Path(link).suffix == ".png":
            assert (ROOT / link).read_bytes().startswith(b"\x89PNG")
