"""Asks pip-audit for known weaknesses of every pinned third party.

Exit 0: none known, or its feed cannot be reached from here, which is said. Exit 1: some are known; they are listed.
"""

import json
import subprocess
import sys


def main() -> int:
    """Run pip-audit over constraints.txt and say in a few lines what it found."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt"]
    command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own words
        audited = json.loads(run.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        audited = []
    known = [one for one in audited if one.get("vulns")]
    answered = [one for one in audited if "skip_reason" not in one]
    for one in known:
        print(f"{one['name']} {one['version']}: " + ", ".join(weakness["id"] for weakness in one["vulns"]))
    if known:
        return 1
    if not answered:
        print("pip-audit: its feed cannot be reached from here, so known weaknesses were NOT looked up.")
        return 0
    print(f"pip-audit: nothing known against {len(answered)} of {len(audited)} pinned packages.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
