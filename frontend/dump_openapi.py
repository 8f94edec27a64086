"""Prints the server's OpenAPI document, from which `npm run schema` makes src/api/schema.gen.ts. Starts nothing: the
document depends on the routes alone."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from backend.main import create_app


def main() -> None:
    settings = SimpleNamespace(frontend_dir=Path("dist"), dicomweb_origins=None)
    app = create_app(SimpleNamespace(settings=settings, metrics=None))
    json.dump(app.openapi(), sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
