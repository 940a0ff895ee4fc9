"""The pages' thinking, tested without a browser: the node that playwright brings runs the *.test.mjs here."""

import subprocess
from pathlib import Path

import playwright
import pytest

HERE = Path(__file__).parent
NODE = Path(playwright.__file__).parent / "driver" / "node"


@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_scripts_keep_their_promises(script: str) -> None:
    """Every test in the file passes; what failed is shown."""
    ran = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", HERE / script], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
