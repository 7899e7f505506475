from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.model.errors import UsageError
from pcapaudit.web.settings import TOKEN_VARIABLE, Live, load_token, prepare_folder


def test_the_token_is_made_once_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    token = load_token(tmp_path)
    assert len(token) >= 40
    assert load_token(tmp_path) == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_the_environment_has_the_last_word_and_may_not_be_weak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "0123456789abcdef")
    assert load_token(tmp_path) == "0123456789abcdef"
    assert not (tmp_path / "token").exists()
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    with pytest.raises(UsageError, match="too short"):
        load_token(tmp_path)


@pytest.mark.parametrize(
    ("content", "mode", "reason"), [("", 0o600, "no whole token"), ("x" * 43, 0o644, "others may")]
)
def test_a_token_that_is_no_secret_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, mode: int, reason: str
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    (tmp_path / "token").write_text(content)
    (tmp_path / "token").chmod(mode)
    with pytest.raises(UsageError, match=reason):
        load_token(tmp_path)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file/data cannot be used"):
        prepare_folder(tmp_path / "file" / "data")


def test_a_watch_keeps_its_files_in_its_folder(tmp_path: Path) -> None:
    live = Live("eth1", tmp_path, ("true",))
    assert (live.ring, live.state) == (tmp_path / "ring", tmp_path / "watch.sqlite")
