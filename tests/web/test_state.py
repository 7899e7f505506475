from __future__ import annotations

from starlette.requests import Request
from starlette.testclient import TestClient

from pcapaudit.web.settings import Settings
from pcapaudit.web.state import site_of


def test_a_request_reaches_the_server_it_came_to(stranger: TestClient, settings: Settings) -> None:
    request = Request({"type": "http", "app": stranger.app})
    assert site_of(request).settings is settings
