"""What the benchmarks found: a table for people, JSON for programs, a plot for the eye."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from tests.load.workloads import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure beside its aim."""

    workload: str
    measure: str
    value: float
    unit: str
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All figures of one run."""

    limits: dict[str, float]
    outcomes: Sequence[Outcome]
    conditions: dict[str, str]
    more: Sequence[Figure] = ()
    """What the other workloads (B4 to B6, scaling out) found."""
    details: Sequence[str] = ()
    """Tables of theirs: what each step cost."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def figures(self) -> list[Figure]:
        """Return every figure of the quality page that this run measured."""
        found: list[Figure] = []
        for outcome in self.outcomes:
            found += {"B2": self._b2, "B3": self._b3}.get(outcome.name, self._b1)(outcome)
            found.append(Figure(workload=outcome.name, measure="lost", value=outcome.lost, unit="", aim=0))
        return [*found, *self.more]

    def table(self) -> str:
        """Return the figures, the CPU seconds per process and the machine's limits as text."""
        lines = [f"{'':5} {'measure':60} {'value':>11}  {'aim':>12}"]
        for figure in self.figures():
            aim = "" if figure.aim is None else f"{'≥' if figure.at_least else '≤'} {figure.aim:,g}"
            verdict = {True: "", False: "  missed", None: ""}[figure.met]
            value = f"{figure.value:,.0f}" if abs(figure.value) >= 100 else f"{figure.value:,.2f}"
            measure = f"{figure.measure} ({figure.unit})" if figure.unit else figure.measure
            lines.append(f"{figure.workload:5} {measure:60} {value:>11}  {aim:>12}{verdict}")
        if self.outcomes:
            lines += self._costs_table()
        for detail in self.details:
            lines += ["", detail]
        lines += ["", "This machine, in the same run"]
        lines += [f"{name:46} {value:>11,.0f}" for name, value in self.limits.items()]
        lines += [f"{name:18} {value}" for name, value in self.conditions.items()]
        return "\n".join(lines)

    def _costs_table(self) -> list[str]:
        names = sorted({name for outcome in self.outcomes for name in outcome.cpu_s})
        lines = ["", "CPU seconds per 1,000 messages stored (B3: per 1,000 deliveries)"]
        lines.append(f"{'':18}" + "".join(f"{outcome.name:>9}" for outcome in self.outcomes))
        for name in names:
            costs = [_costs(outcome).get(name, 0.0) for outcome in self.outcomes]
            lines.append(f"{name:18}" + "".join(f"{cost:9.3f}" for cost in costs))
        return lines

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write JSON and plot; returns both paths."""
        folder.mkdir(parents=True, exist_ok=True)
        stem = self.at.strftime("bench-%Y%m%d-%H%M%S")
        data, picture = folder / f"{stem}.json", folder / f"{stem}.png"
        data.write_text(json.dumps(self._as_dict(), indent=1) + "\n")
        self._plot(picture)
        return data, picture

    def _b1(self, outcome: Outcome) -> list[Figure]:
        commits = self.limits["PostgreSQL one-row commits/s, 16 clients"]
        return [
            Figure(
                workload=outcome.name, measure="stored and delivered", value=outcome.delivered_per_s, unit="messages/s"
            ),
            Figure(
                workload=outcome.name,
                measure="ratio to one-row commits",
                value=outcome.delivered_per_s / commits,
                unit="",
                aim=0.3,
                at_least=True,
            ),
        ]

    def _b2(self, outcome: Outcome) -> list[Figure]:
        cpu = sum(seconds for name, seconds in outcome.cpu_per_1000().items() if name != "load generator")
        return [
            Figure(workload="B2", measure="messages", value=outcome.delivered_per_s, unit="/s"),
            Figure(workload="B2", measure="send to screen p50", value=outcome.percentile_ms(50), unit="ms", aim=5),
            Figure(workload="B2", measure="send to screen p99", value=outcome.percentile_ms(99), unit="ms", aim=20),
            Figure(workload="B2", measure="CPU per 1,000 messages, generator left out", value=cpu, unit="s", aim=2.5),
        ]

    def _b3(self, outcome: Outcome) -> list[Figure]:
        return [
            Figure(
                workload="B3",
                measure="deliveries",
                value=outcome.delivered_per_s,
                unit="/s",
                aim=9_900,  # 10,000 are offered; the edges of the window cut a message in two
                at_least=True,
            ),
            Figure(workload="B3", measure="send to screen p50", value=outcome.percentile_ms(50), unit="ms"),
            Figure(workload="B3", measure="send to screen p99", value=outcome.percentile_ms(99), unit="ms", aim=50),
        ]

    def _as_dict(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
            "conditions": self.conditions,
            "limits": self.limits,
            "figures": [
                {
                    "workload": figure.workload,
                    "measure": figure.measure,
                    "value": figure.value,
                    "unit": figure.unit,
                    "aim": figure.aim,
                    "met": figure.met,
                }
                for figure in self.figures()
            ],
            "outcomes": [outcome.as_dict() | {"cpu_s_per_1000": _costs(outcome)} for outcome in self.outcomes],
        }

    def _plot(self, path: Path) -> None:
        canvas, (rates, delays, costs) = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
        commits = self.limits["PostgreSQL one-row commits/s, 16 clients"]
        names = ["PostgreSQL\ncommits"] + [f"{outcome.name}\ndelivered" for outcome in self.outcomes]
        values = [commits] + [outcome.delivered_per_s for outcome in self.outcomes]
        bars = rates.bar(names, values, color=["#b0b7c3", *["#2f6f8f"] * len(self.outcomes)])
        rates.bar_label(bars, fmt="{:,.0f}")
        rates.set_title("per second")
        for outcome in self.outcomes:
            ordered = sorted(outcome.delays_ms)
            share = [(index + 1) / len(ordered) for index in range(len(ordered))]
            step = max(1, len(ordered) // 2000)
            delays.plot(ordered[::step], share[::step], label=outcome.name)
        delays.set(xscale="log", xlabel="ms", title="send to screen: share of deliveries within")
        delays.grid(alpha=0.3)
        delays.legend()
        parts = sorted({name for outcome in self.outcomes for name in outcome.cpu_s})
        bottom = [0.0] * len(self.outcomes)
        for name in parts:
            height = [_costs(outcome).get(name, 0.0) for outcome in self.outcomes]
            costs.bar([outcome.name for outcome in self.outcomes], height, bottom=bottom, label=name)
            bottom = [low + high for low, high in zip(bottom, height, strict=True)]
        costs.set_title("CPU seconds per 1,000 (B3: deliveries)")
        costs.legend(fontsize=8)
        canvas.savefig(path, dpi=110)
        plt.close(canvas)


def _costs(outcome: Outcome) -> dict[str, float]:
    return outcome.cpu_per_1000(outcome.delivered if outcome.name == "B3" else None)
