"""A short run of the real thing: `make chaos` with a fixed seed, and everything it promises."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.chaos import sabotage
from tests.chaos.breaches import Kind
from tests.chaos.faults import plan
from tests.support import children
from tests.support.clinic import ROOT

SECONDS, SEED = 10, 3


@pytest.mark.timeout(300)
def test_a_short_run_loses_doubles_reorders_and_leaks_nothing(tmp_path: Path) -> None:
    """Ten seconds of faults under load: every count of the checker is zero, and messages did flow."""
    command = [sys.executable, "-m", "tests.chaos", "--seconds", str(SECONDS), "--seed", str(SEED)]
    log = tmp_path / "said.log"
    child = children.start("chaos", [*command, "--into", str(tmp_path)], log=log, environ=os.environ, cwd=ROOT)
    try:
        code = child.process.wait(280)
    finally:
        child.stop(within_s=20)

    said = log.read_text()
    found = json.loads(next(tmp_path.glob("chaos-*.json")).read_text())
    assert code == 0, said
    assert found["breaches"] == {kind.value: 0 for kind in Kind}, said
    assert found["counts"]["acknowledged"] > 100
    assert sum(found["faults"].values()) > 0


def test_a_seed_breaks_the_same_things_each_time() -> None:
    """The plan of faults is the seed's alone, and meets every kind."""
    one, same, other = plan(1), plan(1), plan(2)

    drawn = [next(one) for _ in range(50)]

    assert drawn == [next(same) for _ in range(50)]
    assert drawn != [next(other) for _ in range(50)]
    assert len({fault.kind for fault in drawn}) > 15


@pytest.mark.parametrize("way", sorted(sabotage.WAYS))
def test_each_sabotage_still_fits_the_code(way: str, tmp_path: Path) -> None:
    """What a sabotage changes is there to be changed: else it would prove nothing."""
    with sabotage.copied(tmp_path, way):
        assert os.environ["PYTHONPATH"] == str(tmp_path / "code")
