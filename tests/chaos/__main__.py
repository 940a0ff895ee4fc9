"""`python -m tests.chaos`: the real system under load and faults, and the proof that nothing was lost.

Everything is this run's own, on the loopback, and gone afterwards. Ctrl-C ends the breaking, not the proof.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.chaos import report, sabotage
from tests.chaos.run import Outcome, Run
from tests.chaos.system import clinic
from tests.support import parts, postgres, rabbitmq


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long things are broken")
    parser.add_argument("--seed", type=int, default=None, help="what is drawn; made up where it is not given")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between two acts of a client, on average")
    parser.add_argument("--into", type=Path, default=Path("bench-results"))
    parser.add_argument("--sabotage", choices=sorted(sabotage.WAYS), help="run on a copy of our code broken on purpose")
    parser.add_argument("--keep-logs", type=Path, default=None, help="a folder for what every process wrote")
    return parser.parse_args()


def main() -> int:
    """Run, print, write; 1 on any breach, 2 where it could not be run, 130 when interrupted twice."""
    wanted = arguments()
    seed = wanted.seed if wanted.seed is not None else secrets.randbelow(1_000_000)
    replay = f"make chaos SECONDS={wanted.seconds:g} SEED={seed}"
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="messages-chaos-")))
            if wanted.keep_logs is not None:
                stack.callback(_keep_logs, folder, wanted.keep_logs)
            stack.enter_context(sabotage.copied(folder, wanted.sabotage))
            server = stack.enter_context(postgres.running(lasting=True))
            broker = stack.enter_context(rabbitmq.running(lasting=True))
            system = stack.enter_context(clinic(server, broker, folder))
            outcome = Outcome(seed=seed, seconds=wanted.seconds)
            asyncio.run(Run(system, outcome, pause_s=wanted.pause).plays())
    except parts.PartMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; everything was stopped\n")
        return 130
    place = report.written(outcome, wanted.into, replay)
    sys.stdout.write(f"{report.told(outcome, replay)}\n{place}\n")
    return 1 if outcome.breaches else 0


def _keep_logs(folder: Path, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, into)


if __name__ == "__main__":
    sys.exit(main())
