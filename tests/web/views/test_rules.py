from __future__ import annotations

from starlette.testclient import TestClient

from pcapaudit.diagnose.explain import all_entries, find_entry
from tests.support.page import Page


def test_every_rule_is_listed_and_leads_to_its_explanation(client: TestClient) -> None:
    links = {a["href"] for a in Page(client.get("/rules").text).all("a")}

    assert {f"/rules/{entry.id}" for entry in all_entries()} <= links


def test_a_rule_is_told_in_the_words_of_the_terminal(client: TestClient) -> None:
    entry = find_entry("TCP-SYN-TIMEOUT")
    text = Page(client.get(f"/rules/{entry.id}").text).text.casefold()

    assert entry.title.casefold() in text
    for heading, paragraph in entry.paragraphs():
        assert f"{heading} {paragraph}".casefold() in text


def test_a_rule_that_does_not_exist_is_not_found(client: TestClient) -> None:
    for name in ("NO-SUCH-RULE", "<img>", "tcp-syn-timeout"):
        answer = client.get(f"/rules/{name}")
        assert answer.status_code == 404
        assert "there is no rule of this id" in answer.text


def test_explanations_are_for_those_who_are_logged_in(stranger: TestClient) -> None:
    assert stranger.get("/rules").status_code == 303
