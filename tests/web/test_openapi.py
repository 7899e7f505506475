from __future__ import annotations

import re

from pcapaudit.web.api import ROUTES
from pcapaudit.web.openapi import description


def test_every_route_is_described_and_nothing_else() -> None:
    served = {(route.path, method.lower()) for route in ROUTES for method in route.methods or () if method != "HEAD"}
    described = {(path, method) for path, methods in description()["paths"].items() for method in methods}
    assert described == served - {("/api/openapi.json", "get")}


def test_the_parameters_of_a_path_are_declared() -> None:
    for path, methods in description()["paths"].items():
        for operation in methods.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
