"""The example runs as `make demo` runs it, in a Python of its own."""

import os
import subprocess
import sys

from wharf_process import ROOT


def test_the_how_to_runs_unchanged(server, workspace, folder):
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "config.json").write_text((server.data / "config.json").read_text())
    before = server.scorers()
    ended = subprocess.run(
        [sys.executable, ROOT / "examples" / "how-to.py"],
        cwd=folder,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    assert "Done in" in ended.stdout
    assert "compute targets left: " in ended.stdout
    assert server.scorers() == before


def test_the_example_imports_nothing_of_ours():
    text = (ROOT / "examples" / "how-to.py").read_text()
    imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert imports and not any("wharf" in line.lower() for line in imports)
