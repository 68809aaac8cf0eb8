"""Notices that are sent: signed, tried again, told once, kept until they arrive or are given up."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.notice_cases import QUERY, SECRET, TOKEN, failures, hook, now, refusing_address, send
from tests.notice_receiver import (
    Answer,
    MemoryOutbox,
    Receiver,
    certificate,
    drip,
    hang,
    raw,
    receiver,
    status,
)
from whatif.base.errors import NoticeError
from whatif.publish.notices.channels import channels_from
from whatif.publish.notices.sending import LONGEST_WAIT, MOST_ATTEMPTS, Sent
from whatif.publish.store.opening import open_store

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "notice.v1.json"


@pytest.fixture
def heard() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def refusing() -> str:
    return refusing_address()


# ---- a signed web hook


def test_a_notice_arrives_signed_as_the_standard_webhooks_ask(heard: Receiver) -> None:
    outbox = MemoryOutbox()
    sent = send(hook(heard.address), outbox, failures())
    assert sent == Sent(delivered=1, failed=(), skipped=0)
    (request,) = heard.requests
    told = Webhook(SECRET).verify(request.body, request.headers)
    assert request.method == "POST"
    assert request.path == f"/services/{TOKEN}?key={QUERY}"
    assert request.headers["Content-Type"] == "application/json"
    assert told["id"] == request.headers["webhook-id"]
    assert told["event"] == "failed"
    jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace("failed", "faked"), request.headers)
    assert [row.delivered_at is not None for row in outbox.rows.values()] == [True]


def test_faults_of_the_receiver_are_tried_again_with_one_id_and_a_new_date(
    heard: Receiver,
) -> None:
    heard.script = [status(500), status(500)]
    waits: list[float] = []
    minutes = iter(range(100))
    start = now()
    sent = send(
        hook(heard.address),
        MemoryOutbox(),
        failures(),
        sleep=waits.append,
        clock=lambda: start + dt.timedelta(seconds=next(minutes)),
    )
    assert sent == Sent(delivered=1, failed=(), skipped=0)
    assert len({request.headers["webhook-id"] for request in heard.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in heard.requests}) == 3
    for request in heard.requests:
        Webhook(SECRET).verify(request.body, request.headers)
    first, second = waits
    assert 1 <= first <= 2
    assert 2 <= second <= 3


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_three_times(heard: Receiver, code: int) -> None:
    heard.script = [status(code)] * 3
    sent = send(hook(heard.address), MemoryOutbox(), failures())
    assert len(heard.requests) == 3
    assert sent.delivered == 0
    assert f"it answered {code}." in sent.failed[0].what


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_is_not_tried_again_by_the_same_command(heard: Receiver, code: int) -> None:
    heard.script = [status(code)]
    sent = send(hook(heard.address), MemoryOutbox(), failures())
    assert len(heard.requests) == 1
    assert f"it answered {code}." in sent.failed[0].what


@pytest.mark.parametrize(
    "asked",
    [
        {"Retry_After": "7"},
        {"Retry_After": "Mon, 02 Nov 2026 07:00:07 GMT", "Date": "Mon, 02 Nov 2026 07:00:00 GMT"},
    ],
)
def test_the_wait_that_a_receiver_asks_for_is_kept(heard: Receiver, asked: dict[str, str]) -> None:
    def answer(handler, over):  # type: ignore[no-untyped-def]
        handler.send_response_only(429)
        for name, value in asked.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    heard.script = [answer]
    waits: list[float] = []
    sent = send(hook(heard.address), MemoryOutbox(), failures(), sleep=waits.append)
    assert sent.delivered == 1
    assert waits == [7.0]


def test_a_wait_that_is_too_long_is_left_to_the_next_command(heard: Receiver) -> None:
    heard.script = [status(429, Retry_After="3600")]
    outbox, waits = MemoryOutbox(), list[float]()
    sent = send(hook(heard.address), outbox, failures(), sleep=waits.append)
    assert (sent.delivered, waits, len(heard.requests)) == (0, [], 1)
    assert send(hook(heard.address), outbox).delivered == 1


@pytest.mark.parametrize("asked", ["soon", "-5", "", "9" * 400])
def test_a_wait_that_nobody_can_read_does_no_harm(heard: Receiver, asked: str) -> None:
    heard.script = [status(503, Retry_After=asked)]
    sent = send(hook(heard.address), MemoryOutbox(), failures())
    assert sent.delivered + len(sent.failed) == 1


@pytest.mark.parametrize("slow", [hang, drip])
def test_a_receiver_that_hangs_or_dawdles_is_left(heard: Receiver, slow: Answer) -> None:
    heard.script = [slow, slow, slow]
    began = time.monotonic()
    sent = send(hook(heard.address), MemoryOutbox(), failures(), seconds=0.3)
    assert time.monotonic() - began < 10
    assert "it did not answer within 0.3 seconds." in sent.failed[0].what


def test_nobody_listens(refusing: str) -> None:
    sent = send(hook(refusing), MemoryOutbox(), failures())
    assert "it refused the connection." in sent.failed[0].what


def test_a_name_that_does_not_exist() -> None:
    sent = send(hook("https://nowhere.invalid"), MemoryOutbox(), failures())
    assert sent.failed[0].what == (
        "1 notice did not reach https://nowhere.invalid: its name is not known."
    )


def test_a_receiver_without_tls_is_not_spoken_to_in_clear(heard: Receiver) -> None:
    sent = send(hook(heard.address.replace("http:", "https:")), MemoryOutbox(), failures())
    assert heard.requests == []
    assert "it does not speak TLS." in sent.failed[0].what


def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    with receiver(certificate=pem) as safe:
        waits: list[float] = []
        sent = send(hook(safe.address), MemoryOutbox(), failures(), sleep=waits.append)
        assert (sent.delivered, safe.requests, waits) == (0, [], [])
        assert "its certificate could not be checked" in sent.failed[0].what
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert send(hook(safe.address), MemoryOutbox(), failures()).delivered == 1
        other = hook(safe.address.replace("127.0.0.1", "localhost"))
        assert send(other, MemoryOutbox(), failures()).delivered == 0


@pytest.mark.parametrize("cut", ["", "HT", "HTTP/1.1 2", "nonsense\r\n\r\n"])
def test_an_answer_cut_short_is_asked_for_again(heard: Receiver, cut: str) -> None:
    heard.script = [raw(cut), raw(cut)]
    sent = send(hook(heard.address), MemoryOutbox(), failures())
    assert (sent.delivered, len(heard.requests)) == (1, 3)


def test_the_content_of_an_answer_does_not_matter(heard: Receiver) -> None:
    heard.script = [raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf")]
    assert send(hook(heard.address), MemoryOutbox(), failures()).delivered == 1


def test_a_redirect_is_not_followed(heard: Receiver) -> None:
    with receiver() as other:
        heard.script = [status(307, Location=f"{other.address}/elsewhere")]
        sent = send(hook(heard.address), MemoryOutbox(), failures())
        assert other.requests == []
    assert len(heard.requests) == 1
    assert "it answered 307, a redirect, which is not followed." in sent.failed[0].what


# ---- written down, sent again, given up


def test_the_same_cause_is_told_once(heard: Receiver) -> None:
    outbox = MemoryOutbox()
    assert send(hook(heard.address), outbox, failures()).delivered == 1
    again = send(hook(heard.address), outbox, failures())
    assert again == Sent(delivered=0, failed=(), skipped=1)
    assert len(heard.requests) == 1


def test_only_the_address_that_missed_it_hears_it_again(heard: Receiver) -> None:
    outbox = MemoryOutbox()
    with receiver() as other:
        other.script = [status(404)]
        first = send(hook(heard.address, other.address), outbox, failures())
        assert (first.delivered, len(first.failed)) == (1, 1)
        second = send(hook(heard.address, other.address), outbox)
        assert second == Sent(delivered=1, failed=(), skipped=0)
        assert (len(heard.requests), len(other.requests)) == (1, 2)
        ids = {request.headers["webhook-id"] for request in (*heard.requests, *other.requests)}
        assert len(ids) == 1


def test_a_notice_is_not_lost_when_the_command_dies_after_sending(heard: Receiver) -> None:
    class Dying(MemoryOutbox):
        def delivered(self, key: str, *, at: str) -> None:
            raise KeyboardInterrupt

    outbox = Dying()
    with pytest.raises(KeyboardInterrupt):
        send(hook(heard.address), outbox, failures(2))
    assert len(outbox.rows) == 2
    revived = MemoryOutbox()
    revived.rows = outbox.rows
    assert send(hook(heard.address), revived).delivered == 2
    first, repeat, other = (request.headers["webhook-id"] for request in heard.requests)
    assert first == repeat != other


def test_an_address_that_is_down_is_asked_once_for_all_its_notices(heard: Receiver) -> None:
    heard.script = [status(503)] * 3
    outbox = MemoryOutbox()
    sent = send(hook(heard.address), outbox, failures(5))
    assert len(heard.requests) == 3
    assert sent.failed[0].what.startswith("5 notices did not reach http://127.0.0.1:")
    assert "checkout failed, checkout1 failed" in sent.failed[0].why
    assert "the next command sends 5 notices again" in sent.failed[0].fix
    assert {row.attempts for row in outbox.rows.values()} == {1}
    assert send(hook(heard.address), outbox).delivered == 5


def test_a_refusal_of_one_notice_does_not_hold_up_the_next(heard: Receiver) -> None:
    heard.script = [status(400)]
    sent = send(hook(heard.address), MemoryOutbox(), failures(3))
    assert (sent.delivered, len(heard.requests)) == (2, 3)
    assert sent.failed[0].what.startswith("1 notice did")


def test_a_notice_is_given_up_after_so_many_commands(refusing: str) -> None:
    outbox = MemoryOutbox()
    told = [send(hook(refusing), outbox, failures()) for _ in range(MOST_ATTEMPTS)]
    assert all("sends 1 notice again" in sent.failed[0].fix for sent in told[:-1])
    assert "1 notice given up: one is sent by 20 commands at most" in told[-1].failed[0].fix
    assert send(hook(refusing), outbox, failures()) == Sent(delivered=0, failed=(), skipped=1)


def test_a_notice_is_given_up_after_so_many_days(refusing: str) -> None:
    outbox, later = MemoryOutbox(), now() + LONGEST_WAIT
    send(hook(refusing), outbox, failures())
    sent = send(hook(refusing), outbox, clock=lambda: later)
    assert "1 notice given up" in sent.failed[0].fix
    assert send(hook(refusing), outbox, clock=lambda: later) == Sent(
        delivered=0, failed=(), skipped=0
    )


def test_what_waits_for_an_address_that_was_removed_is_given_up_aloud(
    heard: Receiver, refusing: str
) -> None:
    outbox, later = MemoryOutbox(), now() + LONGEST_WAIT
    send(hook(refusing), outbox, failures())
    assert send(hook(heard.address), outbox) == Sent(delivered=0, failed=(), skipped=0)
    sent = send(hook(heard.address), outbox, clock=lambda: later)
    assert sent.failed[0].what == "1 notice for an address that is no longer named: given up."
    assert send(hook(heard.address), outbox, clock=lambda: later).failed == ()


def test_the_run_store_keeps_what_waits_over_commands(heard: Receiver, tmp_path: Path) -> None:
    heard.script = [status(503)] * 3
    path = tmp_path / "runs.sqlite"
    with open_store(path) as store:
        assert len(send(hook(heard.address), store.outbox, failures(2)).failed) == 1
    with open_store(path) as store:
        assert [row.attempts for row in store.outbox.pending()] == [1, 1]
        assert send(hook(heard.address), store.outbox, failures(2)) == Sent(
            delivered=2, failed=(), skipped=2
        )
    with open_store(path) as store:
        assert store.outbox.pending() == ()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"checkout" in stored
    assert not any(secret.encode() in stored for secret in (TOKEN, QUERY, SECRET[6:]))


def test_without_channels_nothing_is_kept() -> None:
    outbox = MemoryOutbox()
    assert send(channels_from({}), outbox, failures(2)) == Sent(delivered=0, failed=(), skipped=2)
    assert outbox.rows == {}


def test_a_failure_ends_with_exit_code_7(refusing: str) -> None:
    sent = send(hook(refusing), MemoryOutbox(), failures())
    error = NoticeError(*sent.failed)
    assert (error.code, error.exit_code) == ("WI-NOTICE", 7)
    assert "nobody there was told: checkout failed." in str(error)
