"""Write the OpenAPI document: ``python -m serve.openapi > docs/openapi.json``."""

import json
import sys

from serve.app import create_app
from serve.settings import Settings


def openapi_json() -> str:
    """The OpenAPI document of the application, as it is committed."""
    return json.dumps(create_app(settings=Settings()).spec, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(openapi_json().encode())
