"""What a process shows an operator on its own port: its metrics by name and labels, its readiness by word."""

from dataclasses import dataclass

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.clinic import Clinic


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The metrics of one process at one moment."""

    families: tuple[Metric, ...]

    def of(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of this name that carry these labels; 0 when there is none."""
        samples = (sample for family in self.families for sample in family.samples)
        return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def numbers(clinic: Clinic, process: str) -> Numbers:
    """Read a process' metrics."""
    told = httpx.get(clinic.origin_of(process) + "/metrics", timeout=10, trust_env=False).raise_for_status()
    return Numbers(families=tuple(text_string_to_metric_families(told.text)))


def readiness(clinic: Clinic, process: str) -> tuple[int, str, list[str]]:
    """Return the status code of a process' readiness, its word, and what it names."""
    told = httpx.get(clinic.origin_of(process) + "/readyz", timeout=10, trust_env=False)
    said = told.json()
    return told.status_code, said["status"], said["missing"]
