"""Where notices go: the environment, Apprise and the heartbeat; and secrets that no text shows."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator

import pytest

from tests.notice_cases import QUERY, SECRET, TOKEN, failures, hook, refusing_address, send
from tests.notice_receiver import Answer, MemoryOutbox, Receiver, hang, raw, receiver, status
from whatif.base.errors import NoticeError, UsageError
from whatif.publish.notices.channels import channels_from
from whatif.publish.notices.heartbeat import ping
from whatif.publish.notices.http import Patience
from whatif.publish.notices.sending import Sent


@pytest.fixture
def heard() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


# ---- secrets


@pytest.mark.parametrize(
    "answer",
    [status(500), status(404), status(302, Location=f"/{TOKEN}"), raw(""), hang],
    ids=["500", "404", "302", "closed", "hang"],
)
def test_no_text_shows_a_path_a_query_or_a_secret(
    heard: Receiver,
    answer: Answer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    heard.script = [answer] * 12
    outbox = MemoryOutbox()
    apprise = f"json://user:{QUERY}@127.0.0.1:{heard.address.rpartition(':')[2]}/{TOKEN}?rto=0.5"
    channels = hook(
        heard.address,
        WHATIF_APPRISE_URLS=f"{apprise} notathing://{TOKEN}",
        WHATIF_HEARTBEAT_URL=f"{heard.address}/{TOKEN}?key={QUERY}",
    )
    sent = send(channels, outbox, failures(), seconds=0.5)
    beat = ping(channels, good=True, patience=Patience(seconds=0.5, sleep=lambda _: None))
    out, err = capfd.readouterr()
    assert sent.delivered < 3
    texts = [out, err, caplog.text, str(NoticeError(*sent.failed)), str(beat), repr(channels)]
    texts += [repr(row) for row in outbox.rows.values()]
    for text in texts:
        for secret in (TOKEN, QUERY, SECRET, SECRET[6:], "c2VjcmV0", "secret-secret"):
            assert secret not in text


# ---- the environment


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example/x", "does not start with https"),
        ("http://127.0.0.1.example/x", "does not start with https"),
        ("https://ann:hush@hooks.example/x", "holds a user or a password"),
        ("hooks.example/x", "is not a web address"),
        ("ftp://hooks.example/x", "is not a web address"),
        ("https:///x", "is not a web address"),
        ("https://[::1/x", "is not a web address"),
        ("https://hooks.example:99999/x", "is not a web address"),
        ("https://hooks.example/\u00fc", "is not a web address"),
        ("https://hooks.example/a\x00b", "is not a web address"),
    ],
)
def test_an_address_that_is_not_safe_is_refused_without_being_shown(url: str, words: str) -> None:
    environ = {"WHATIF_WEBHOOK_URL": f"https://ok.example {url}", "WHATIF_WEBHOOK_SECRET": SECRET}
    with pytest.raises(UsageError, match=f"Address 2 in WHATIF_WEBHOOK_URL {words}") as caught:
        channels_from(environ)
    assert url not in str(caught.value)
    with pytest.raises(UsageError, match=f"The address in WHATIF_HEARTBEAT_URL {words}"):
        channels_from({"WHATIF_HEARTBEAT_URL": url})


@pytest.mark.parametrize("url", ["http://localhost/x", "http://127.8.9.1:80/x", "http://[::1]:9/x"])
def test_loopback_needs_no_tls(url: str) -> None:
    assert channels_from({"WHATIF_HEARTBEAT_URL": url}).heartbeat == url


@pytest.mark.parametrize("secret", ["", "whsec_", SECRET[6:], "whsec_c2hvcnQ=", "whsec_&&&&" * 9])
def test_a_weak_or_missing_secret_is_refused_without_being_shown(secret: str) -> None:
    environ = {"WHATIF_WEBHOOK_URL": "https://ok.example", "WHATIF_WEBHOOK_SECRET": secret}
    with pytest.raises(UsageError, match="WHATIF_WEBHOOK_SECRET is missing, or is not") as caught:
        channels_from(environ)
    assert len(secret) < 8 or secret not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://a:b@site.example", "https://site.example/?t=1", "site", "s3://bucket"]
)
def test_the_address_of_the_site_carries_no_secret(url: str) -> None:
    with pytest.raises(UsageError, match="WHATIF_SITE_URL is not the plain address of a site"):
        channels_from({"WHATIF_SITE_URL": url})


def test_an_address_named_twice_is_told_once(heard: Receiver) -> None:
    sent = send(hook(heard.address, heard.address), MemoryOutbox(), failures())
    assert (sent.delivered, len(heard.requests)) == (1, 1)


# ---- Apprise


def test_apprise_carries_the_same_sentence(heard: Receiver) -> None:
    port = heard.address.rpartition(":")[2]
    environ = {
        "WHATIF_APPRISE_URLS": f"json://127.0.0.1:{port}/a json://127.0.0.1:{port}/b",
        "WHATIF_SITE_URL": "https://site.example/r/",
    }
    outbox = MemoryOutbox()
    sent = send(channels_from(environ), outbox, failures())
    assert sent == Sent(delivered=2, failed=(), skipped=0)
    told = json.loads(next(iter(outbox.rows.values())).body)
    for request in heard.requests:
        assert told["text"] in request.told["message"]
        assert "https://site.example/r/checkout/index.html" in request.told["message"]
        assert request.told["title"] == "whatif: checkout"


def test_apprise_that_fails_is_sent_again_by_the_next_command(heard: Receiver) -> None:
    heard.script = [status(500)]
    outbox = MemoryOutbox()
    url = f"json://127.0.0.1:{heard.address.rpartition(':')[2]}/a"
    channels = channels_from({"WHATIF_APPRISE_URLS": url})
    assert send(channels, outbox, failures()).failed[0].what == (
        "1 notice did not reach address 1 in WHATIF_APPRISE_URLS: Apprise could not send it."
    )
    assert send(channels, outbox).delivered == 1


def test_apprise_says_which_address_it_does_not_understand() -> None:
    channels = channels_from({"WHATIF_APPRISE_URLS": "notathing://hush"})
    (problem,) = send(channels, MemoryOutbox(), failures()).failed
    assert "address 1 in WHATIF_APPRISE_URLS: Apprise does not understand" in problem.what


def test_apprise_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match=r"Apprise is not installed.*\n.*\n.*'whatif\[apprise\]'"):
        channels_from({"WHATIF_APPRISE_URLS": "json://127.0.0.1"})


# ---- heartbeat


def test_the_heartbeat_says_how_it_went(heard: Receiver) -> None:
    channels = channels_from({"WHATIF_HEARTBEAT_URL": f"{heard.address}/uuid?a=1"})
    assert ping(channels, good=True) is None
    assert ping(channels, good=False) is None
    assert [(r.method, r.path) for r in heard.requests] == [
        ("GET", "/uuid?a=1"),
        ("GET", "/uuid/fail?a=1"),
    ]
    assert ping(channels_from({}), good=True) is None


def test_the_heartbeat_is_tried_again_and_never_blocks(heard: Receiver) -> None:
    channels = channels_from({"WHATIF_HEARTBEAT_URL": f"{heard.address}/uuid"})
    heard.script = [status(503), status(503)]
    assert ping(channels, good=True, patience=Patience(sleep=lambda _: None)) is None
    heard.script = [hang] * 9
    began = time.monotonic()
    problem = ping(channels, good=True, patience=Patience(seconds=0.4))
    assert time.monotonic() - began < 10
    assert problem is not None
    assert "did not answer within" in problem.what
    refusing = refusing_address()
    down = channels_from({"WHATIF_HEARTBEAT_URL": f"{refusing}/uuid"})
    problem = ping(down, good=True, patience=Patience(sleep=lambda _: None))
    assert problem is not None
    assert problem.what == f"The heartbeat did not reach {refusing}: it refused the connection."
