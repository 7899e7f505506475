from __future__ import annotations

import hashlib
import hmac
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread

import pytest

from pcapaudit import __version__
from pcapaudit.station import webhook as module
from pcapaudit.station.outlet import RefusedError, UnreachedError
from pcapaudit.station.webhook import WebhookSender, sign
from pcapaudit.station.wish import Webhook
from tests.support.receivers import WebReceiver, closed_port, listening

EVENT = {"event": "lost", "at": "2026-01-01T14:02:11.000000Z", "text": "gateway 10.0.0.5 is offline"}
SECRET_PATH = "/T0/B1?key=c4fe"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def sender(address: str, *, user: str | None = None, secret: str | None = None) -> WebhookSender:
    return WebhookSender(Webhook(address + SECRET_PATH, user, secret), source="eth1", host="site-7", run="ab12")


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    with WebReceiver() as made:
        yield made


def test_an_event_is_one_document(receiver: WebReceiver) -> None:
    sender(receiver.address)(7, EVENT)
    post = receiver.next()
    assert post.path == SECRET_PATH
    assert post.headers["Content-Type"] == "application/json"
    assert post.headers["User-Agent"] == f"pcapaudit/{__version__}"
    assert "X-Pcapaudit-Signature" not in post.headers
    assert post.told == {
        "version": 1,
        "id": "ab12-7",
        "source": "eth1",
        "host": "site-7",
        "text": "eth1: gateway 10.0.0.5 is offline",
        "event": EVENT,
    }


def test_the_body_is_signed(receiver: WebReceiver) -> None:
    sender(receiver.address, secret="key")(1, EVENT)
    post = receiver.next()
    assert post.headers["X-Pcapaudit-Signature"] == f"sha256={hmac.new(b'key', post.body, hashlib.sha256).hexdigest()}"


def test_the_signature_is_that_of_the_standard() -> None:
    """RFC 4231, test case 2."""
    body = b"what do ya want for nothing?"
    assert sign("Jefe", body) == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_key_may_be_any_bytes() -> None:
    key = b"\xff\xfe"
    assert sign(os.fsdecode(key), b"body") == f"sha256={hmac.new(key, b'body', hashlib.sha256).hexdigest()}"


def test_user_and_password_become_basic_authentication(receiver: WebReceiver) -> None:
    """RFC 7617, section 2."""
    sender(receiver.address, user="Aladdin:open sesame")(1, EVENT)
    assert receiver.next().headers["Authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_what_a_device_calls_itself_calls_nobody_in_a_chat(receiver: WebReceiver) -> None:
    sender(receiver.address)(1, {**EVENT, "text": "<!everyone> @all `x`\u202e\n"})
    assert receiver.next().told["text"] == "eth1: (!everyone) (at)all 'x'\\u202e\\x0a"


@pytest.mark.parametrize("code", [500, 502, 503, 429, 408])
def test_an_answer_that_says_later_is_no_refusal(code: int) -> None:
    with WebReceiver([code]) as receiver, pytest.raises(UnreachedError, match=f"answers HTTP {code}") as caught:
        sender(receiver.address)(1, EVENT)
    assert caught.value.wait_s is None


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 413])
def test_an_answer_that_says_no_is_a_refusal(code: int) -> None:
    with WebReceiver([code]) as receiver, pytest.raises(RefusedError, match=f"answers HTTP {code}"):
        sender(receiver.address)(1, EVENT)


def test_a_receiver_says_when_to_come_again_in_seconds_or_as_a_date() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    waits = []
    for text in ("120", moment, "soon", "9" * 400, "Thu, 01 Jan 1970 00:00:00 GMT"):
        with WebReceiver([(503, {"Retry-After": text})]) as receiver, pytest.raises(UnreachedError) as caught:
            sender(receiver.address)(1, EVENT)
        waits.append(caught.value.wait_s)
    assert waits[0] == 120.0
    assert waits[1] == pytest.approx(7200.0, abs=120)
    assert waits[2:] == [None, None, 0.0]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_path_not_repeated(code: int) -> None:
    with WebReceiver() as other:
        redirect = (code, {"Location": f"{other.address}/elsewhere"})
        with WebReceiver([redirect]) as receiver, pytest.raises(RefusedError) as caught:
            sender(receiver.address, secret="key")(1, EVENT)
        assert str(caught.value) == f"answers HTTP {code} and names http://127.0.0.1, which is not followed"
        assert other.posts.empty()


def test_nobody_there_is_said_without_the_address() -> None:
    with closed_port() as port, pytest.raises(UnreachedError) as caught:
        sender(f"http://127.0.0.1:{port}")(1, EVENT)
    assert str(caught.value) == "Connection refused"


def test_one_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
    with listening() as silent, pytest.raises(UnreachedError, match=r"no answer within 0\.05 s"):
        sender(f"http://127.0.0.1:{silent.getsockname()[1]}")(1, EVENT)


@pytest.mark.parametrize("said", [b"", b"\x00\xff\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"])
def test_what_is_no_answer_is_a_fault_of_the_receiver(said: bytes) -> None:
    with listening() as strange:

        def answer() -> None:
            connection, _ = strange.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        speaker = Thread(target=answer)
        speaker.start()
        with pytest.raises(UnreachedError) as caught:
            sender(f"http://127.0.0.1:{strange.getsockname()[1]}")(1, EVENT)
        speaker.join()
    assert "c4fe" not in str(caught.value)


def test_a_host_that_cannot_be_a_name_is_a_fault_and_no_crash() -> None:
    with pytest.raises(UnreachedError):
        sender(f"http://{'a' * 80}.example")(1, EVENT)


def test_a_certificate_that_nobody_signed_is_not_believed(tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = [require_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with listening() as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection, pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        speaker = Thread(target=refuse)
        speaker.start()
        with pytest.raises(UnreachedError, match="its certificate is not believed: self-signed certificate"):
            sender(f"https://127.0.0.1:{server.getsockname()[1]}")(1, EVENT)
        speaker.join()


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebReceiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        sender("http://hooks.example")(1, EVENT)
        assert proxy.next().path == f"http://hooks.example{SECRET_PATH}"


@pytest.mark.parametrize("proxy", ["http:", "http://[", "127.0.0.1:port", "ftp://127.0.0.1:1", "://"])
def test_a_proxy_that_is_none_is_a_fault_and_no_crash(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with closed_port() as port, pytest.raises(UnreachedError) as caught:
        sender(f"http://127.0.0.1:{port}")(1, EVENT)
    assert "c4fe" not in str(caught.value)
