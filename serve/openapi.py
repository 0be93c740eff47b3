"""Write the committed OpenAPI document: ``python -m serve.openapi``."""

import json
from pathlib import Path

from serve.app import create_app
from serve.settings import Settings

COMMITTED = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"


def openapi_json() -> str:
    """The OpenAPI document of the application, as it is committed."""
    return json.dumps(create_app(settings=Settings()).spec, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    COMMITTED.write_text(openapi_json(), encoding="utf-8")
    print(COMMITTED)
