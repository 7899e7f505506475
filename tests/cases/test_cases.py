"""Every case of this folder, through the whole program: frames in, report out, held against what the catalogue says."""

from __future__ import annotations

import pytest

from tests.support.cases import Case, load_all
from tests.support.trial import problems_in, report_on


@pytest.mark.parametrize("case", load_all(), ids=lambda case: case.id)
def test_the_report_says_what_the_catalogue_says(case: Case) -> None:
    problems = problems_in(report_on(case), case)

    assert not problems, "\n".join(["", *problems, "", case.listing()])
