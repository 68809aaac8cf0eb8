"""The house rules about everything but code: tracked files, lock file, versions, written pages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.house_rules import modules, pyproject, requirements

MAX_DECISION_WORDS = 500
HEADINGS = ["Context", "Choice", "Price"]
ONE_MACHINE = re.compile(
    r"(?<![\w.])/(?:work|root|farm)/|/tmp/[b]ash_|file:///(?:opt|root|mnt)"
    r"|[p]ypi\.org|files\.[p]ythonhosted|registry\.[n]pmjs|--(?:extra-)?index-[u]rl"
    r"|https?://[^\s\"']+/simple\b"
)


def tracked(repo: Path) -> list[Path]:
    """Return the files that are, or would be, committed; without git, all that are not hidden."""
    if (repo / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=repo, capture_output=True, check=True).stdout
        return [repo / name for name in listed.decode().split("\0") if (repo / name).is_file()]
    skipped = {".venv", ".git", "__pycache__"}
    return [p for p in sorted(repo.rglob("*")) if p.is_file() and not skipped & {*p.parts}]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # pictures and archives


def _pages(repo: Path) -> Iterator[tuple[Path, str]]:
    return ((path, _text(path)) for path in tracked(repo) if path.suffix == ".md")


def files_name_no_machine(repo: Path) -> list[str]:
    """No tracked file holds a path of one machine or the address of a package registry."""
    return [
        f"{path.relative_to(repo)}:{number}: {found[0]}"
        for path in tracked(repo)
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if (found := ONE_MACHINE.search(line))
    ]


def lock_file_is_complete(repo: Path) -> list[str]:
    """Every requirement is pinned with hashes, none has an address, none is left out."""
    text = (repo / "requirements.lock").read_text(encoding="utf-8")
    problems = [
        f"requirements.lock holds an address: {url}" for url in re.findall(r"\S+://\S+", text)
    ]
    entries = re.split(r"\n(?=[^\s#])", "\n" + re.sub(r"(?m)^ *#.*\n?", "", text))[1:]
    for entry in entries:
        name = entry.split()[0]
        if not re.fullmatch(r"[\w.-]+==[\w.!+]+", name):
            problems.append(f"requirements.lock does not pin {name}")
        if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry):
            problems.append(f"requirements.lock has no hash for {name}")
    project = pyproject(repo)["project"]
    extras = project.get("optional-dependencies", {}).values()
    wanted = [*project["dependencies"], *chain.from_iterable(extras)]
    missing = requirements(wanted) - requirements(entries)
    return problems + [f"requirements.lock leaves out {name}" for name in sorted(missing)]


def version_stands_once(repo: Path) -> list[str]:
    """The version stands in pyproject.toml alone, and the changelog tells of it."""
    version = pyproject(repo)["project"]["version"]
    problems = [
        f"{name}: holds the version; read it from the package's metadata"
        for name, text, _ in modules(repo)
        if re.search(rf"[\"']{re.escape(version)}[\"']", text)
    ]
    if f"\n## [{version}]" not in _text(repo / "whatif/CHANGELOG.md"):
        problems.append(f"whatif/CHANGELOG.md has no section for {version}")
    return problems


def decisions_are_in_order(repo: Path) -> list[str]:
    """Decisions are numbered without gaps, keep the three headings and fit on a page."""
    problems = []
    paths = sorted((repo / "whatif/decisions").glob("*"))
    for number, path in enumerate(paths, start=1):
        text = _text(path)
        if not re.fullmatch(rf"{number:04d}-[a-z0-9-]+\.md", path.name):
            problems.append(f"{path.name}: expected a name that starts with {number:04d}-")
        if not text.startswith(f"# {number:04d}. "):
            problems.append(f"{path.name}: the title does not start with its number")
        if re.findall(r"(?m)^## (.+)$", text) != HEADINGS:
            problems.append(f"{path.name}: headings are not {', '.join(HEADINGS)}")
        if len(text.split()) > MAX_DECISION_WORDS:
            problems.append(f"{path.name}: longer than {MAX_DECISION_WORDS} words")
    return problems or ([] if paths else ["whatif/decisions holds no decision"])


def links_lead_somewhere(repo: Path) -> list[str]:
    """Links and pictures in written pages point to files that are there."""
    return [
        f"{path.relative_to(repo)}: {target} does not exist"
        for path, text in _pages(repo)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (path.parent / target).exists()
    ]


def make_targets_exist(repo: Path) -> list[str]:
    """Every ``make target`` in a written page or in CI stands in the Makefile."""
    targets = set(re.findall(r"(?m)^([a-z]+):", _text(repo / "Makefile")))
    named = re.compile(r"(?m)(?:`|^ *|^stage .* )make ([a-z]+)")
    places = [*_pages(repo), (repo / ".ci/run", _text(repo / ".ci/run"))]
    return [
        f"{path.relative_to(repo)}: make {target} is not a target"
        for path, text in places
        for target in sorted(set(named.findall(text)) - targets)
    ]


def python_examples_parse(repo: Path) -> list[str]:
    """Blocks of Python in written pages are Python."""
    problems = []
    for path, text in _pages(repo):
        for block in re.findall(r"(?ms)^```python\n(.*?)^```", text):
            try:
                compile(block, path.name, "exec")
            except SyntaxError as error:
                problems.append(f"{path.relative_to(repo)}: {error}")
    return problems
