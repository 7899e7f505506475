from __future__ import annotations

import pytest

from pcapaudit.cli import products
from pcapaudit.model.errors import UsageError
from tests.support.products import some_products


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "load_signatures", some_products)


def test_products_are_ordered_by_id() -> None:
    assert [product.id for product in products.load_products(None)] == ["sensorist/gateway", "tek/pool-ems"]


def test_a_product_is_found_whatever_the_letter_case() -> None:
    assert (
        products.name_product(products.find_product("Sensorist/Gateway", None)) == "Sensorist / Oscar TempLog gateway"
    )


@pytest.mark.parametrize(
    ("product", "told"),
    [("sensorist/gatway", "did you mean sensorist/gateway?"), ("???", "known are: sensorist/gateway, tek/pool-ems")],
)
def test_an_unknown_product_gets_suggestions(product: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        products.find_product(product, None)
    assert told in str(caught.value)
