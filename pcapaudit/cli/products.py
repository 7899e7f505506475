"""The products that signatures describe, found by their id."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from pcapaudit.catalog import load_signatures
from pcapaudit.catalog.schema import Signature
from pcapaudit.model.errors import UsageError


def load_products(folder: Path | None) -> tuple[Signature, ...]:
    """All signatures of a folder (None: the shipped one), ordered by id. Raises SignatureError."""
    return tuple(sorted(load_signatures(folder), key=lambda signature: signature.id))


def find_product(product: str, folder: Path | None) -> Signature:
    """The signature with this id, letter case ignored.

    Raises:
        UsageError: There is none; the nearest ids are named.
        SignatureError: A signature cannot be read.
    """
    known = {signature.id: signature for signature in load_products(folder)}
    found = known.get(product.strip().lower())
    if found is None:
        near = get_close_matches(product.lower(), known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are: {', '.join(known)}"
        raise UsageError(f"there is no product {product!r}; {hint}")
    return found


def name_product(signature: Signature) -> str:
    """Vendor and product as people say them."""
    return f"{signature.vendor_title} / {signature.title}"
