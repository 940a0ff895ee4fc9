"""The runbook and the code hold each other to their word: figures, readiness words, log events."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
KINDS = {"Counter", "Gauge", "Histogram"}
UNITS = ("_seconds", "_items", "_events", "_total", "_connections", "_users")
YES_OR_NO = {"messages_relay_leading", "messages_relay_broker_connected", "messages_live_broker_connected"}
LABELS = {"plane", "code", "resume", "cause", "by", "op", "outcome", "door", "service", "method", "status"}
LOG_WORDS = {"debug", "info", "warning", "error"}
NO_LOG_EVENT = re.compile(r"\.(sh|py|dump|json|yml|md|conf|d)$")


def calls(names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Give every call, anywhere in our code, of a function or a method of one of these names."""
    for folder in ("libs", "services", "deploy"):
        for path in sorted((ROOT / folder).rglob("src/**/*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
                if name in names:
                    assert isinstance(node, ast.Call)
                    yield name, node


def words(node: ast.Call) -> list[str]:
    """Return the plain texts among a call's arguments."""
    return [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]


METRICS = {found[0]: (kind, node) for kind, node in calls(KINDS) if (found := words(node))}


def column(heading: str) -> set[str]:
    """Return the backticked first cells of the table below a heading."""
    table = RUNBOOK.split(heading)[1].split("\n#")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", table, flags=re.MULTILINE))


def test_every_figure_is_in_the_runbook_and_every_figure_of_the_runbook_exists() -> None:
    """Nobody watches for a name that was changed, and nothing is counted that nobody was told of."""
    told = set(re.findall(r"`(messages_[a-z_]+)`", RUNBOOK))

    assert column("### What to watch") == set(METRICS)
    assert told == set(METRICS)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_figure_is_named_by_what_it_counts(name: str) -> None:
    """One prefix, a unit at the end, a help in a sentence, and labels that are words of ours."""
    kind, node = METRICS[name]
    labels = {each.value for part in node.args if isinstance(part, ast.List) for each in part.elts}  # type: ignore[attr-defined]

    assert name.startswith("messages_")
    assert name.endswith(UNITS) or name in YES_OR_NO
    assert (kind == "Counter") == name.endswith("_total")
    assert words(node)[1].endswith(".")
    assert labels <= LABELS


def test_every_readiness_word_is_explained_and_exists() -> None:
    """What `/readyz` names is what the runbook explains."""
    in_code = {words(node)[0] for _, node in calls({"add"}) if ast.unparse(node.func).endswith("readiness.add")}

    assert column("### What `/readyz` names") == in_code


def test_every_log_event_of_the_runbook_exists() -> None:
    """Whoever searches the log for a word of the runbook finds it when it happens."""
    in_code = {found[0] for _, node in calls(LOG_WORDS) if (found := words(node))}
    told = {each for each in re.findall(r"`([a-z_]+\.[a-z_]+)`", RUNBOOK) if not NO_LOG_EVENT.search(each)}

    assert told
    assert told <= in_code
