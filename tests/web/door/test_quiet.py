from __future__ import annotations

import logging

import pytest

from pcapaudit.web.door.quiet import QuietFaults, keep_quiet, say_place

WIRE = "gk.sensorist.example asked at 10:02"


@pytest.fixture
def logger() -> logging.Logger:
    logger = logging.getLogger("tests.web.quiet")
    logger.addFilter(QuietFaults())
    return logger


def fail() -> None:
    raise ValueError(WIRE)


def test_of_an_error_kind_and_place_are_logged_and_none_of_its_words(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        fail()
    except ValueError:
        logger.exception("Exception in ASGI application\n%s", WIRE)

    assert WIRE not in caplog.text
    assert "Exception in ASGI application" in caplog.text
    assert "ValueError at test_quiet.py:" in caplog.text


def test_what_is_no_error_is_logged_as_it_is(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("the queue has %d", 3)
    assert "the queue has 3" in caplog.text


def test_an_error_that_was_never_raised_has_a_kind() -> None:
    assert say_place(KeyError("x")) == "KeyError at an unknown place"


def test_the_loggers_of_server_and_event_loop_pass_the_filter() -> None:
    keep_quiet()
    try:
        for name in ("uvicorn.error", "asyncio"):
            assert any(isinstance(kept, QuietFaults) for kept in logging.getLogger(name).filters)
    finally:
        for name in ("uvicorn.error", "asyncio", "concurrent.futures"):
            loud = logging.getLogger(name)
            loud.filters = [kept for kept in loud.filters if not isinstance(kept, QuietFaults)]
