"""The interface in OpenAPI's words (version 3.1)."""

from __future__ import annotations

from typing import Any

from pcapaudit import __version__

_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_STATES = ["queued", "running", "done", "failed", "cancelled"]


def description() -> dict[str, Any]:
    """The description as a JSON document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "pcapaudit", "version": __version__, "summary": "Why is the device offline?"},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Status": _status(), "Error": _object({"error": {"type": "string"}})},
        },
        "security": [{"token": []}],
        "paths": {
            "/api/captures": {
                "put": _operation(
                    "Upload a capture as the body.",
                    {"201": "taken", "200": "known: the same file with the same wishes", "413": "too large"},
                    [_query(name) for name in ("name", "signature", "device", "led", "log", "param", "note")],
                ),
                "get": _operation("List all captures, the newest first.", {"200": "the list"}),
            },
            "/api/captures/{id}": {
                "get": _operation("How far it is, and what was found.", {"200": "status"}, [_ID]),
                "patch": _operation("Change the note.", {"204": "changed"}, [_ID]),
                "delete": _operation("Delete file, report and line.", {"204": "deleted"}, [_ID]),
            },
            "/api/captures/{id}/cancel": {"post": _operation("End the analysis.", {"204": "ended"}, [_ID])},
            "/api/captures/{id}/report": {
                "get": _operation(
                    "The report document, or another form of it.",
                    {"200": "the report", "409": "the analysis is not done"},
                    [_ID, _query("format")],
                )
            },
            "/api/captures/{id}/evidence": {
                "get": _operation("The frames that prove it, as pcapng.", {"200": "a capture"}, [_ID])
            },
            "/api/captures/{id}/events": {
                "get": _operation("The status after each change, as server-sent events.", {"200": "events"}, [_ID])
            },
        },
    }


def _operation(summary: str, answers: dict[str, str], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    said = {"401": "neither token nor session", **answers}
    return {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {code: {"description": text} for code, text in sorted(said.items())},
    }


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _status() -> dict[str, Any]:
    return _object(
        {
            "id": {"type": "string"},
            "state": {"type": "string", "enum": _STATES},
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "reason": {"type": ["string", "null"]},
        }
    )
