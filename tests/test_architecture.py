"""The house rules of ARCHITECTURE.md, held over this repository; and each rule shown to bite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import house_rules as code
from tests import repository_rules as files

ROOT = Path(__file__).resolve().parent.parent
Rule = Callable[[Path], list[str]]
HASH = f"--hash=sha256:{'0' * 64}"

# One change to a sound tree per way of breaking a rule: rule, file, its new text, what is said.
# A ~ is taken out before writing, so that this file does not break the rules itself.
BREACHES: list[tuple[Rule, str, str | None, str]] = [
    (code.modules_say_what_they_hold, "whatif/low/a.py", "x = 1\n", "no docstring"),
    (code.modules_say_what_they_hold, "tests/test_a.py", "x = 1\n", "no docstring"),
    (code.modules_are_short, "whatif/low/a.py", '"""A."""\n' * 401, "401 lines, at most 400"),
    (
        code.functions_are_short,
        "whatif/low/a.py",
        'class A:\n    def f(self):\n        """Long.\n'
        + "\n" * 50
        + '        """\n'
        + "        x = 1\n" * 41,
        "f: 41 lines, at most 40",
    ),
    (
        code.public_names_are_documented,
        "whatif/low/a.py",
        "def f():\n    pass\n",
        "f: no docstring",
    ),
    (
        code.public_names_are_documented,
        "whatif/low/a.py",
        'class A:\n    """A."""\n\n    def f(self):\n        pass\n',
        "f: no docstring",
    ),
    (
        code.dataclasses_are_frozen,
        "whatif/low/a.py",
        "@dataclass\nclass A: ...\n",
        "A: a dataclass",
    ),
    (
        code.dataclasses_are_frozen,
        "whatif/low/a.py",
        "@dataclasses.dataclass(frozen=False, slots=True)\nclass A: ...\n",
        "A: a dataclass",
    ),
    (
        code.inheritance_is_shallow,
        "whatif/low/a.py",
        "class A(Exception): ...\nclass B(A): ...\nclass C(m.B[int]): ...\n",
        "C: 3 levels",
    ),
    (code.attributes_are_real, "whatif/low/a.py", "def __getattr__(name): ...\n", "__getattr__"),
    (
        code.imports_are_declared,
        "whatif/low/a.py",
        "def f():\n    import hypothesis\n",
        "hypothesis",
    ),
    (code.rooms_are_the_same_everywhere, "whatif/utils/a.py", "", "utils: a room that"),
    (code.rooms_are_the_same_everywhere, "whatif/low/a.py", None, "low: listed"),
    (
        code.rooms_are_the_same_everywhere,
        "whatif/ARCHITECTURE.md",
        "\n## Rooms\n| `high.py` | | |\n| `low/` | | |\n",
        "lists ['high', 'low']",
    ),
    (code.records_live_in_their_room, "whatif/low/a.py", "class Other: ...\n", "names Record"),
    (
        code.libraries_stay_in_their_rooms,
        "whatif/high.py",
        "from numpy.x import y\n",
        "numpy, which",
    ),
    (files.files_name_no_machine, "notes.txt", "see /wo~rk/main\n", "notes.txt:1"),
    (files.files_name_no_machine, "a.toml", "--index-~url = x", "a.toml:1"),
    (files.files_name_no_machine, "a.md", "https://py~pi.org/project/x", "a.md:1"),
    (files.files_name_no_machine, "a.md", "https://mirror.example/sim~ple", "a.md:1"),
    (files.files_name_no_machine, "a.md", "file:///o~pt/wheels", "a.md:1"),
    (files.lock_file_is_complete, "requirements.lock", "numpy==1.0\n", "no hash for numpy==1.0"),
    (
        files.lock_file_is_complete,
        "requirements.lock",
        f"numpy>=1 {HASH}\n",
        "does not pin numpy>=1",
    ),
    (files.lock_file_is_complete, "requirements.lock", f"scipy==1 {HASH}\n", "leaves out numpy"),
    (
        files.lock_file_is_complete,
        "requirements.lock",
        f"numpy @ https://x/y {HASH}\n",
        "an address",
    ),
    (files.version_stands_once, "whatif/low/a.py", "__version__ = '1.2.3'\n", "holds the version"),
    (files.version_stands_once, "whatif/CHANGELOG.md", "# Changelog\n", "no section for 1.2.3"),
    (files.decisions_are_in_order, "whatif/decisions/0003-c.md", "", "starts with 0002-"),
    (files.decisions_are_in_order, "whatif/decisions/0001-a.md", "# 0001. A\n", "headings are not"),
    (
        files.decisions_are_in_order,
        "whatif/decisions/0001-a.md",
        "# A\n",
        "does not start with its",
    ),
    (files.decisions_are_in_order, "whatif/decisions/0001-a.md", "word " * 501, "longer than 500"),
    (files.links_lead_somewhere, "README.md", "![page](gone.png)", "gone.png does not exist"),
    (files.make_targets_exist, "README.md", "run `make lunch`", "make lunch is not a target"),
    (files.make_targets_exist, "README.md", "```\nmake lunch\n```", "make lunch is not a target"),
    (files.make_targets_exist, ".ci/run", "stage 'x' make lunch\n", "make lunch is not a target"),
    (files.python_examples_parse, "README.md", "```python\nimport\n```\n", "README.md, line 1"),
]
RULES = list(dict.fromkeys(rule for rule, *_ in BREACHES))

SOUND = {
    "pyproject.toml": (
        '[project]\nversion = "1.2.3"\ndependencies = ["numpy>=1"]\n'
        '[[tool.importlinter.contracts]]\ntype = "layers"\nlayers = ["high", "low"]\n'
    ),
    "requirements.lock": f"# from a resolver\nnumpy==1.0 ; python_version < '4' \\\n    {HASH}\n",
    ".ci/run": "stage 'tests' timeout 9 make test\n",
    "Makefile": "test: env\n\ttrue\n",
    "README.md": "Run `make test`, see [rooms](whatif/ARCHITECTURE.md#rooms).\n",
    "whatif/__init__.py": '"""Whatif."""\n',
    "whatif/high.py": '"""High."""\n\nfrom whatif.low.a import Record\n',
    "whatif/low/a.py": (
        '"""Low."""\n\nimport numpy as np\n\n\n@dataclass(frozen=True)\n'
        'class Record:\n    """R."""\n'
    ),
    "whatif/ARCHITECTURE.md": (
        "# A\n\n## Rooms\n\n| `low/` | `Record` | `numpy` |\n| `high.py` | | |\n\n## Next\n"
    ),
    "whatif/CHANGELOG.md": "# Changelog\n\n## [1.2.3]\n",
    "whatif/decisions/0001-a.md": "# 0001. A\n\n## Context\n\n## Choice\n\n## Price\n",
}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A small repository that keeps every rule."""
    for name, text in SOUND.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_this_repository_keeps(rule: Rule) -> None:
    problems = rule(ROOT)
    assert not problems, "\n".join([rule.__doc__ or "", *problems])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_repository_passes(rule: Rule, sound: Path) -> None:
    assert rule(sound) == []


@pytest.mark.parametrize(
    ("rule", "name", "text", "said"), BREACHES, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_breach_is_found(rule: Rule, name: str, text: str | None, said: str, sound: Path) -> None:
    path = sound / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink() if text is None else path.write_text(text.replace("~", ""))
    assert any(said in problem for problem in rule(sound)), rule(sound)


def test_every_rule_is_run() -> None:
    named = {
        value
        for module in (code, files)
        for value in vars(module).values()
        if getattr(value, "__module__", None) == module.__name__
        and getattr(value, "__annotations__", {}).get("return") == "list[str]"
    }
    assert named == set(RULES)
