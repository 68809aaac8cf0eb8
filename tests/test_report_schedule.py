"""Units for schedulers: whole, quoted, without secrets, and taken by their own parsers."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.schedule_cases import AWKWARD, StandIn, call, job, schedule, tool
from whatif.base.errors import UsageError
from whatif.report.schedulers.job import Job
from whatif.report.schedulers.units import FILES, SECRETS

KINDS = sorted(FILES)
SITE = "s3://bucket/my site"


def only(kind: str, made: Job) -> str:
    (text,) = FILES[kind](made).values()
    return text


def module(name: str) -> str:
    """Return a module's name, or skip by it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def awkward(folder: Path, codes: list[int]) -> tuple[Job, StandIn]:
    """Return a job whose folder and paths have all that shells and units take for their own."""
    home = folder / "my $HOME 50% ${{ x }} ü"
    home.mkdir()
    stand_in = StandIn(home, codes)
    made = job(file=AWKWARD, out=f"{home}/$(reports)", executable=str(stand_in.path), site=SITE)
    return made, stand_in


@pytest.mark.parametrize("kind", KINDS)
def test_equal_jobs_give_equal_units_without_secrets(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "hush-hush")
    made = FILES[kind](job())
    assert made == FILES[kind](job())
    whole = "".join(made.values())
    assert "hush" not in whole
    assert "Europe/London" in whole
    assert "75" in whole
    assert all(
        text.endswith("\n") and not re.search(r"\{[{%#](?!')", text.replace("${{", ""))
        for text in made.values()
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file": "study.yaml"}, "'study.yaml' is not absolute"),
        ({"out": "reports"}, "'reports' is not absolute"),
        ({"executable": "whatif"}, "'whatif' is not absolute"),
        ({"file": "/srv/a\nb.yaml"}, "holds a line break or an unseen character"),
        ({"out": "/srv/\u202egnp"}, "holds a line break or an unseen character"),
        ({"site": "/srv/a\u2028b"}, "holds a line break or an unseen character"),
        ({"site": "site"}, "'site' is not absolute"),
        ({"site": "s3://key:hush@bucket/x"}, r"s3://bucket/x holds a login or a query"),
        ({"image": "a b"}, "is not a container image"),
        ({"schedule": schedule(zone="Europe/Londn")}, "did you mean 'Europe/London'"),
        ({"schedule": schedule("0 7 * *")}, "it has 4 fields"),
    ],
)
def test_what_no_unit_can_hold_is_refused(kind: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words) if "(" in words else words) as caught:
        FILES[kind](job(**changes))
    assert "hush" not in str(caught.value)


def test_a_crontab_line_runs_and_tells(tmp_path: Path) -> None:
    for codes, calls in (
        ([0], ["run"]),
        ([4], ["run"]),
        ([75], ["run", "status"]),
        ([3], ["run", "status"]),
    ):
        folder = tmp_path / str(codes[0])
        folder.mkdir()
        made, stand_in = awkward(folder, codes)
        *_, zone, line = only("cron", made).splitlines()
        assert zone == "CRON_TZ=Europe/London"
        assert not re.search(r"(?<!\\)%", line)
        secrets = folder / "secrets"
        command = line.split(maxsplit=5)[5].replace(r"\%", "%")
        assert command.count(made.secrets) == 2
        call("/bin/sh", "-c", command)
        assert stand_in.store == ""
        secrets.write_text("WHATIF_STORE='a b'\n", encoding="utf-8")
        stand_in = StandIn(stand_in.path.parent, codes)
        call("/bin/sh", "-c", command.replace(made.secrets, str(secrets)))
        assert stand_in.store == "a b"
        assert stand_in.calls == calls
        assert stand_in.words("run") == made.run[1:]
        if "status" in calls:
            assert stand_in.words("status") == made.tell[1:]


def test_a_crontab_line_is_whole_or_refused() -> None:
    text = only("cron", job(file="/srv/my study/50%.yaml"))
    assert text.splitlines()[-1] == (
        "0 7 * * 1 set -a; [ ! -r /etc/whatif/checkout.env ] || . /etc/whatif/checkout.env; "
        "/srv/bin/whatif run '/srv/my study/50\\%.yaml' --out /srv/reports --publish "
        "|| [ $? -eq 4 ] || /srv/bin/whatif status checkout --notify --out /srv/reports"
    )
    assert "MAILTO=" not in text
    with pytest.raises(UsageError, match="cron cuts or refuses a line"):
        FILES["cron"](job(out="/srv/" + "a" * 600))


@pytest.mark.parametrize("cron", ["0 7 * * 1", "*/20 5/6 */2 jan,jul 5-7"])
def test_debian_takes_the_crontab(cron: str, tmp_path: Path) -> None:
    crontab = tool("crontab")
    path = tmp_path / "crontab"
    path.write_text(only("cron", job(file=AWKWARD, schedule=schedule(cron))), encoding="utf-8")
    done = call(crontab, "-n", path)
    assert done.returncode == 0, done.stderr
    path.write_text("0 7 L * * whatif\n", encoding="utf-8")
    assert call(crontab, "-n", path).returncode != 0


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    made, _ = awkward(tmp_path, [0])
    paths = []
    for name, text in FILES["systemd"](made).items():
        paths.append(tmp_path / name)
        paths[-1].write_text(text, encoding="utf-8")
    done = call(analyze, "verify", *paths, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")
    service = paths[0].read_text(encoding="utf-8")
    paths[0].write_text(service.replace("Type=exec", "Type=oneshot"), encoding="utf-8")
    assert "isn't allowed" in call(analyze, "verify", *paths).stderr


def test_systemd_units_say_what_codes_mean(tmp_path: Path) -> None:
    made, _ = awkward(tmp_path, [0])
    service, timer, failed = FILES["systemd"](made).values()
    assert service.count("ExecStart=") == failed.count("ExecStart=") == 1
    for text, words in ((service, made.run), (failed, (*made.tell, "--json"))):
        line = re.findall("^ExecStart=(.*)$", text, re.MULTILINE)[0]
        read = [word.replace("%%", "%") for word in shlex.split(line)]
        assert "%" not in line.replace("%%", "")
        assert (read[0][0], read[0][1:], *read[1:]) == (":", *words)
        assert "EnvironmentFile=-/etc/whatif/checkout.env" in text
    assert "\nSuccessExitStatus=4\nRestart=no\nRestartForceExitStatus=75\n" in service
    assert "\nOnFailure=whatif-checkout-failed.service\n" in service
    assert "\nSuccessExitStatus=8\n" in failed
    assert "\nPersistent=true\n" in timer
    assert "\nOnCalendar=Mon *-*-* 07:00:00 Europe/London\n" in timer


def test_systemd_runs_no_command_with_a_quote_in_its_path() -> None:
    with pytest.raises(UsageError, match="holds a quote or a backslash"):
        FILES["systemd"](job(executable="/srv/o'neil/whatif"))


def test_the_schema_of_github_takes_the_workflow(tmp_path: Path) -> None:
    checker = module("check_jsonschema")
    path = tmp_path / "workflow.yaml"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        checker,
        "--builtin-schema",
        "vendor.github-workflows",
        path,
    ]
    text = only("github", awkward(tmp_path, [0])[0])
    path.write_text(text, encoding="utf-8")
    done = call(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    path.write_text(text.replace("timezone:", "zone:"), encoding="utf-8")
    assert call(*command).returncode != 0


@pytest.mark.parametrize(
    ("codes", "runs", "ends", "marks"),
    [
        ([0], 1, 0, ""),
        ([4], 1, 0, "::warning::"),
        ([75, 0], 2, 0, "::notice::"),
        ([75], 4, 75, "::notice::"),
        ([3], 1, 3, ""),
    ],
)
def test_the_workflow_knows_exit_codes(
    tmp_path: Path, codes: list[int], runs: int, ends: int, marks: str
) -> None:
    made, stand_in = awkward(tmp_path, codes)
    text = only("github", made)
    workflow = yaml.safe_load(text)
    assert workflow[True]["schedule"] == [{"cron": "0 7 * * 1", "timezone": "Europe/London"}]
    assert workflow["permissions"] == {}
    assert workflow["concurrency"] == {"group": "whatif-checkout", "cancel-in-progress": False}
    assert set(workflow["jobs"]["run"]["env"]) == set(SECRETS)
    assert "uses:" not in text
    script, told = (_evaluated(step["run"]) for step in workflow["jobs"]["run"]["steps"])
    bash = (tool("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c")
    done = call(*bash, f"sleep() {{ :; }}\n{script}")
    assert done.returncode == ends, done.stderr
    assert stand_in.calls == ["run"] * runs
    assert stand_in.words("run") == made.run[1:]
    assert marks in done.stdout
    assert bool(done.stdout) == bool(marks)
    assert call(*bash, told).returncode == 0
    assert stand_in.words("status") == made.tell[1:]


def _evaluated(script: str) -> str:
    """Return a script as GitHub hands it to the shell: its one kind of expression is a text."""
    plain = script.replace("${{ '${{' }}", "\0")
    assert "${{" not in plain
    return plain.replace("\0", "${{")


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_the_schema_of_kubernetes_takes_the_job(version: str, tmp_path: Path) -> None:
    kubernetes_validate = importlib.import_module(module("kubernetes_validate"))
    for document in yaml.safe_load_all(only("k8s", awkward(tmp_path, [0])[0])):
        kubernetes_validate.validate(document, version, strict=True)
        document["spec"]["whenever"] = True
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize(
    ("code", "ends", "calls"),
    [
        (0, 0, ["run"]),
        (4, 0, ["run"]),
        (75, 75, ["run"]),
        (3, 3, ["run", "status"]),
        (7, 7, ["run", "status"]),
    ],
)
def test_the_job_of_kubernetes_knows_exit_codes(
    tmp_path: Path, code: int, ends: int, calls: list[str]
) -> None:
    made, stand_in = awkward(tmp_path, [code])
    _, cron_job = yaml.safe_load_all(only("k8s", made))
    spec = cron_job["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 7 * * 1", "Europe/London")
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] == 12 * 3600
    policy = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][0]
    assert (ends in policy["onExitCodes"]["values"]) == (ends not in (0, 75))
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["volumeMounts"][0]["mountPath"] == made.out
    command = container["command"]
    assert not re.search(r"(?<!\$)(\$\$)*\$\(", "\0".join(command))
    done = call(*(word.replace("$$", "$") for word in command))
    assert done.returncode == ends, done.stderr
    assert stand_in.calls == calls
    assert stand_in.words("run") == made.run[1:]
    if "status" in calls:
        assert stand_in.words("status") == made.tell[1:]


def test_kubernetes_needs_an_image_and_short_names() -> None:
    with pytest.raises(UsageError, match="No image is named"):
        FILES["k8s"](job(image=None))
    names = {
        job(study=study).short_name for study in ("a", "a-", "a" * 80, "a" * 81, "a" * 44 + "-b")
    }
    assert len(names) == 5
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", name) for name in names)
