"""A server in this process, with its list in a fresh folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pcapaudit.web.app import build_app
from pcapaudit.web.settings import Settings
from tests.web.support import TOKEN


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", token=TOKEN, max_upload=1_000_000, hosts=frozenset({"testserver"}))


@pytest.fixture
def stranger(settings: Settings) -> Iterator[TestClient]:
    """A client that shows neither token nor cookie."""
    with TestClient(build_app(settings), follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A client that shows the token."""
    stranger.headers["Authorization"] = f"Bearer {TOKEN}"
    return stranger
