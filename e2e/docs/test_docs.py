"""What the documents say is done: shell lines run, Python blocks run, options exist."""

import re
import subprocess
import sys

import pytest
from wharf_process import ROOT, binary

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)


def blocks(page, language):
    """The code blocks of a page."""
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def words(page):
    """Command lines: those of shell blocks and those in backticks."""
    text = (ROOT / page).read_text()
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def help_of(*command):
    ended = subprocess.run(
        [binary(), *command, "--help"], capture_output=True, text=True, timeout=30
    )
    return ended.stdout if ended.returncode == 0 else None


@pytest.fixture(scope="module")
def shell(server, tmp_path_factory):
    """Runs shell lines as a user would: `wharf` on the PATH, state in ~/.wharf."""
    home = tmp_path_factory.mktemp("home")
    (home / ".wharf").symlink_to(server.data)
    programs = home / "bin"
    programs.mkdir()
    (programs / "wharf").symlink_to(binary())
    for python in (programs / "python", home / "sdk" / "bin" / "python"):
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    variables = {
        "HOME": str(home),
        "PATH": f"{programs}:/usr/bin:/bin",
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
    }

    def run(script, folder):
        return subprocess.run(
            ["bash", "-euc", script],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=170,
        )

    return run


@pytest.mark.parametrize("page", PAGES)
def test_words_of_make_exist(page):
    rules = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {match for line in words(page) for match in re.findall(r"^make ([a-z0-9-]+)", line)}
    assert named <= rules


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_flags_of_wharf_exist(page):
    for line in words(page):
        for command, rest in re.findall(r"(?:^|\$\()wharf ([a-z]+)([^`)]*)", line):
            text = help_of(command)
            assert text, f"`wharf {command}` in {page} is no command"
            for flag in re.findall(r"(--[a-z-]+)", rest.split(" -- ")[0]):
                assert flag in text, f"`wharf {command} {flag}` in {page}"


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_are_python(page):
    for block in blocks(page, "python"):
        compile(block, page, "exec")


def test_the_options_are_those_of_the_server():
    page = (ROOT / "docs/reference/server-options.md").read_text()
    told = {}
    for row in re.findall(r"^\| `(--.*)$", page, re.MULTILINE):
        cells = [cell.strip().strip("`") for cell in ("`" + row).strip("| ").split(" | ")]
        told[cells[0].split()[0]] = (cells[1], cells[2])
    text = help_of("server")
    options = re.split(r"\n\s+(?=(?:-\w, )?--)", text[text.index("Options:"):])[1:]
    real = {}
    for option in options:
        flag = re.search(r"--[a-z-]+", option).group()
        variable = re.search(r"\[env: (\w+)", option)
        default = re.search(r"\[default: ([\w.:]+)\]", option)
        if flag not in ("--help", "--version"):
            real[flag] = (variable and variable.group(1), default and default.group(1))
    assert set(told) == set(real)
    for flag, (variable, default) in real.items():
        assert told[flag][0] == variable, flag
        if default:
            assert told[flag][1] == default, flag


def test_the_readme_leads_to_an_attached_cluster(shell, tmp_path):
    (lines,) = [b for b in blocks("README.md", "sh") if "your_script.py" in b]
    (script,) = blocks("README.md", "python")
    (tmp_path / "your_script.py").write_text(script)
    ended = shell(lines, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert 'operation "Succeeded"' in ended.stdout
    detach = (
        "from azureml.core import Workspace\n"
        "Workspace.from_config().compute_targets['my-cluster'].detach()\n"
    )
    (tmp_path / "detach.py").write_text(detach)
    ended = shell('wharf exec -- python detach.py', tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_first_script_runs_as_it_is_printed(shell, tmp_path):
    page = "docs/guides/first-script.md"
    score, deploy, away = blocks(page, "python")
    # `doctor` also looks at programs that a test's PATH does not have.
    (point,) = [b for b in blocks(page, "sh") if "wharf env" in b]
    point = point.replace("wharf doctor --python ~/sdk/bin/python\n", "")
    (curl,) = [b for b in blocks(page, "sh") if "curl" in b]
    (run,) = [b for b in blocks(page, "sh") if b.startswith("~/sdk/bin/python deploy.py")]
    ask = 'print("KEY=" + service.get_keys()[0]); print("SCORING_URI=" + service.scoring_uri)\n'
    project = (
        f"{point}\ncat > score.py <<'END'\n{score}END\ncat > deploy.py <<'END'\n{deploy}{ask}END\n"
        f"{run.strip()} | tee out\neval \"$(grep -E '^(KEY|SCORING_URI)=' out)\"\n{curl}"
    )
    ended = shell(project, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # Once from the SDK, once from curl.
    assert ended.stdout.count("[0]") == 2, ended.stdout
    names = (
        "from azureml.core import Workspace\nws = Workspace.from_config()\n"
        "service = ws.webservices['iris']\ncluster = ws.compute_targets['my-cluster']\n"
    )
    ended = shell(
        f"cd ~/my-project\neval \"$(wharf env)\"\ncat > away.py <<'END'\n{names}{away}END\n"
        "python away.py",
        tmp_path,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_dependencies_that_are_explained_are_there():
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text()
    manifest = (ROOT / "Cargo.toml").read_text()
    for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE):
        for name in re.findall(r"`([a-z0-9_-]+)`", row):
            assert re.search(rf"^{name} = ", manifest, re.MULTILINE), name


def test_the_files_that_the_map_names_are_there():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:wharf(?:-[a-z]+)?)/(?:src|tests)[\w/.-]*)`", text)
    assert named
    assert [path for path in named if not (ROOT / "crates" / path).exists()] == []
    own = re.findall(r"`((?:e2e|tidy|docs|examples|migrations)/[\w/.-]*)`", text)
    roots = (ROOT, ROOT / "xtask" / "src")
    assert [path for path in own if not any((root / path).exists() for root in roots)] == []
