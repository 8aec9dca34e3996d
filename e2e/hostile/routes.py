"""The server's own route table, as a test of `wharf-api` keeps it in `routes.snap`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Route:
    method: str
    surface: str
    access: str
    template: str

    @property
    def name(self):
        """Short enough to type: what is common to all is left out."""
        short = self.template
        for common in (
            "/subscriptions/{subscription}",
            "/resourceGroups/{group}",
            "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}",
        ):
            short = short.replace(common, "")
        # Of those left with the same words, each says how long its path is.
        return f"{self.method}{short or '/'}~{self.template.count('/')}"


def table():
    kept = Path(__file__).with_name("routes.snap").read_text()
    lines = kept.split("---\n", 2)[2].splitlines()
    return [Route(*line.split(" ", 3)) for line in lines if line]
