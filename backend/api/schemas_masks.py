"""Imports of masks on the wire: the options that go with an upload."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from backend.api.multipart import FIELD
from backend.domain.mask_import import MaskOptions
from backend.errors import Rejected

OPTIONS_FIELD = "options"


class BadMaskOptions(Rejected):
    """The options of an import of masks are not of the form that they have. Raised by api.schemas_masks."""

    code = "bad_mask_options"
    title = "The options of the import cannot be read"


def mask_options(text: bytes) -> MaskOptions:
    """From the JSON of the field `options`; nothing stands for all defaults. Raises BadMaskOptions."""
    try:
        return MaskOptions.model_validate_json(text) if text else MaskOptions()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or OPTIONS_FIELD
        raise BadMaskOptions(
            f"{where}: {first['msg']}.", hint="The field `options` is one JSON object; see /api/docs."
        ) from error


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """A schema without references: the body of a route cannot bring components of its own."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items() if key != "$defs"}


def _schema() -> Any:
    schema = MaskOptions.model_json_schema()
    return _inlined(schema, schema.get("$defs", {}))


MASKS_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {
                    FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}},
                    OPTIONS_FIELD: _schema(),
                },
            },
            "encoding": {OPTIONS_FIELD: {"contentType": "application/json"}},
        }
    },
}
"""The OpenAPI description of an upload of masks."""
