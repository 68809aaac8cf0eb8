"""Commands on published runs: secrets, notices, one JSON object, exit codes."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from tests.notice_cases import SECRET, TOKEN
from tests.notice_receiver import Receiver, receiver, status
from tests.postgres import Server
from tests.publishing_life import (
    MONDAY,
    NEXT,
    SITE,
    STUDY,
    Outcome,
    command,
    copy_home,
    deliver,
    latest,
    make_home,
    rows,
    run,
    shown,
    state,
    write_study,
)
from tests.s3_server import s3_server, use_server
from whatif.publish.notices.http import Patience
from whatif.publish.notices.sending import send_notices

LOGIN, HUSH = "hush-key-81", "hush/secret+82"
AFTER = MONDAY + dt.timedelta(hours=2)
UNTRUSTED = {"kind": "experiment", "probability": {"folded": 0.8, "expanded": 0.2}}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("first"))


@pytest.fixture
def home(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copy_home(first, tmp_path))
    return tmp_path


# ---- notices


@pytest.fixture
def heard(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as listening:
        monkeypatch.setenv("WHATIF_WEBHOOK_URL", f"{listening.address}/{TOKEN}?key=hush")
        monkeypatch.setenv("WHATIF_WEBHOOK_SECRET", SECRET)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield listening


def _events(heard: Receiver) -> list[str]:
    return [request.told["event"] for request in heard.requests]


def test_each_thing_that_happens_is_told_once(heard: Receiver) -> None:
    log = Path("log.parquet").read_bytes()
    Path("log.parquet").unlink()
    assert run(at=AFTER).code == 3
    assert run(at=AFTER + dt.timedelta(minutes=5)).code == 3
    assert _events(heard) == ["failed"]
    Path("log.parquet").write_bytes(log)
    assert run(at=AFTER).code == 0
    assert _events(heard) == ["failed", "recovered"]
    write_study(design=UNTRUSTED)
    assert run(at=AFTER).code == 4
    assert _events(heard)[2:] == ["withheld"]
    write_study()
    assert run(at=AFTER).code == 0
    assert command("publish", STUDY, at=AFTER).code == 0
    late = NEXT + dt.timedelta(days=3)
    for _ in range(2):
        assert command("status", "--notify", at=late).code == 8
    assert _events(heard)[3:] == ["stale", "stale"]  # overdue, and too old
    assert len({request.told["id"] for request in heard.requests}) == 5


def test_a_changed_verdict_is_told(heard: Receiver) -> None:
    before = _decision()
    log = pd.read_parquet("all.parquet")
    won = (log["presentation"] == "expanded") & (log.index % 2 == 0)
    log.assign(converted=log["converted"].where(~won, 1)).to_parquet("log.parquet", index=False)
    assert run(at=NEXT).code == 0
    assert _decision() != before
    assert _events(heard) == ["verdict_changed"]
    assert run(at=NEXT).code == 0
    assert len(heard.requests) == 1


def _decision() -> str:
    answer = json.loads((SITE / STUDY / "answer.json").read_bytes())
    return str(answer["verdict"]["decision"])


def test_a_notice_that_did_not_arrive_is_sent_by_the_next_command(
    heard: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(send_notices, patience=Patience(sleep=lambda _: None))
    monkeypatch.setattr("whatif.run.publisher.send_notices", quick)
    Path("log.parquet").rename("gone.parquet")
    assert run(at=AFTER).code == 3
    Path("gone.parquet").rename("log.parquet")
    heard.requests.clear()
    heard.script = [status(503)] * 3
    done = run("--json", at=AFTER)
    assert done.code == 7
    assert done.record["run_id"] == latest()
    assert "WI-NOTICE" in done.err
    assert TOKEN not in done.err
    heard.script = [status(503)] * 3
    write_study(design=UNTRUSTED)
    done = run("--json", at=AFTER)
    assert done.code == 4
    assert "WI-NOTICE" in done.err
    assert done.record["verdict"]["decision"] == "cannot_be_trusted"
    heard.requests.clear()
    assert command("status", "--notify", at=AFTER).code == 0
    assert _events(heard) == ["recovered", "withheld"]
    assert command("status", "--notify", at=AFTER).code == 0
    assert len(heard.requests) == 2


# ---- secrets


def _spoken(*outcomes: Outcome) -> str:
    return "".join(one.out + one.err + repr(one.bug) for one in outcomes)


def _files() -> bytes:
    return b"".join(p.read_bytes() for p in sorted(Path("reports").rglob("*")) if p.is_file())


def test_no_secret_of_any_address_is_ever_told(
    heard: Receiver,
    postgres_server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.rmtree("reports")
    with postgres_server.database() as url, s3_server() as endpoint:
        use_server(monkeypatch, endpoint)
        bucket = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        bucket.mkdir("pages")
        _load(url)
        monkeypatch.setenv("WHATIF_STORE", url)
        monkeypatch.setenv("WHATIF_HEARTBEAT_URL", f"{heard.address}/ping/{TOKEN}")
        write_study(data={"source": f"{url}#log"})
        where = ("--site", f"s3://{LOGIN}:{HUSH}@pages/site")
        done = [
            run("--json", *where),
            command("sign", STUDY, "approve", "--by", "Dana", *where),
            command("publish", STUDY, *where),
            command("status", "--notify", *where),
            command("history", STUDY, "--json"),
            command("audit", "verify", "--json", *where),
            command("check", "study.yaml", "--json"),
            command("schedule", "render", "study.yaml", "--as", "systemd", *where),
        ]
        assert [one.code for one in done[:7]] == [0] * 7, _spoken(*done)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE log")
        done.append(run("--json", *where, at=AFTER))
        assert done[-1].code == 3, done[-1].err
        wrong = f"s3://{LOGIN}:{HUSH}@missing/site"
        done.append(run("--site", wrong))
        done.append(command("publish", STUDY, "--site", wrong, at=AFTER))
        assert done[-1].code == 6
        monkeypatch.setenv("WHATIF_STORE", url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1"))
        done.append(run(*where))
        monkeypatch.setenv("WHATIF_STORE", url.replace(postgres_server.password, HUSH))
        done.append(command("status"))
        assert done[-1].code == 2
        monkeypatch.setenv("WHATIF_STORE", url.replace(postgres_server.password, LOGIN))
        done.append(command("status"))
        assert done[-1].code == 6
        everything = (_spoken(*done) + str(rows(url))).encode() + _files()
        there = bucket.find("pages")
        assert f"pages/site/{STUDY}/index.html" in there
        everything += b"".join(bucket.cat_file(name) for name in there)
    everything += b"".join(one.body.encode() for one in heard.requests)
    for secret in (postgres_server.password, LOGIN, HUSH, TOKEN, SECRET, "hush%2Fsecret"):
        assert secret.encode() not in everything, _around(everything, secret.encode())


def _load(url: str) -> None:
    import adbc_driver_postgresql.dbapi

    log = pd.read_parquet("log.parquet")
    keep = ["session_id", "customer_id", "started_at", "presentation", "converted", "cart_value"]
    with (
        adbc_driver_postgresql.dbapi.connect(url) as connection,
        connection.cursor() as cursor,
    ):
        table = pa.Table.from_pandas(log[keep], preserve_index=False)
        cursor.adbc_ingest("log", table.cast(_plain(table.schema)))
        connection.commit()


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    )


def _around(text: bytes, secret: bytes) -> bytes:
    at = text.index(secret)
    return text[max(at - 200, 0) : at + 100]


# ---- one JSON object, and how commands end


COMMANDS: dict[str, tuple[tuple[object, ...], int]] = {
    "run": (("run", "study.yaml", "--quick", "--json"), 0),
    "run, no file": (("run", "nowhere.yaml", "--json"), 2),
    "run, no data": (("run", "study.yaml", "--data", "none.csv", "--json"), 3),
    "check": (("check", "study.yaml", "--json"), 0),
    "check, no file": (("check", "nowhere.yaml", "--json"), 2),
    "ask": (("ask", STUDY, "--json"), 0),
    "ask, no arm": (("ask", STUDY, "--give", "blue", "--json"), 2),
    "ask, no run": (("ask", "nothing", "--json"), 2),
    "publish": (("publish", STUDY, "--json"), 0),
    "publish, no run": (("publish", "nothing", "--json"), 2),
    "publish, no place": (("publish", STUDY, "--site", "nope://x", "--json"), 2),
    "publish, not writable": (("publish", STUDY, "--site", "log.parquet/site", "--json"), 6),
    "sign": (("sign", STUDY, "hold", "--by", "Dana", "--json"), 0),
    "sign, nobody": (("sign", STUDY, "approve", "--json"), 2),
    "sign, no word": (("sign", STUDY, "bless", "--by", "Dana", "--json"), 2),
    "status": (("status", "--json"), 0),
    "status, no study": (("status", "nothing", "--json"), 2),
    "history": (("history", STUDY, "--json"), 0),
    "history, no study": (("history", "nothing", "--json"), 2),
    "diff": (("diff", STUDY, STUDY, "--json"), 0),
    "diff, no run": (("diff", STUDY, "nothing", "--json"), 2),
    "prune": (("prune", STUDY, "--keep", 1, "--json"), 0),
    "prune, none left": (("prune", STUDY, "--keep", 0, "--json"), 2),
    "prune, no study": (("prune", "nothing", "--keep", 1, "--json"), 2),
    "audit": (("audit", "verify", "--json"), 0),
    "audit, no study": (("audit", "verify", "nothing", "--json"), 2),
    "power": (("power", "study.yaml", "--json"), 0),
    "power, no file": (("power", "nowhere.yaml", "--json"), 2),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_one_json_object_and_nothing_else(home: Path, name: str) -> None:
    words, code = COMMANDS[name]
    done = command(*words)
    assert (done.code, done.bug) == (code, None), done.err
    assert done.out.endswith("}\n")
    assert isinstance(done.record, dict)
    if code:
        assert done.record["error"]["exit_code"] == code
        assert done.record["error"]["problems"]
        assert done.err


def test_withheld_stale_failed_and_altered_end_with_their_codes(home: Path) -> None:
    assert state(NEXT + dt.timedelta(days=3)) == ("stale", 8)
    write_study(design=UNTRUSTED)
    assert run("--json").record["verdict"]["decision"] == "cannot_be_trusted"
    assert command("ask", STUDY, "--json").code == 4
    (SITE / "index.html").write_text("altered")
    found = command("audit", "verify", "--json")
    assert found.code == 4
    assert found.record["sound"] is False


def test_a_place_in_memory_is_a_site(home: Path) -> None:
    where = ("--site", "memory://wired")
    assert run(*where).code == 0
    deliver()
    assert run(*where, at=NEXT).code == 0
    assert command("sign", STUDY, "approve", "--by", "Dana", *where, at=NEXT).code == 0
    assert command("prune", STUDY, "--keep", 1, *where, at=NEXT).code == 0
    checked = command("audit", "verify", *where)
    assert checked.code == 0, checked.out
    assert shown() != latest()  # the folder's site is another one
