from __future__ import annotations

from starlette.testclient import TestClient

from tests.web.support import audited


def test_the_list_is_searched_by_word(client: TestClient) -> None:
    audited(client)
    for query, is_found in (("sensorist failed", True), ("10.20.36.101", True), ("healthy", False), ("%", False)):
        assert ("sensorist-blinking-red.pcapng" in client.get("/", params={"q": query}).text) is is_found, query
