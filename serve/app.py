"""The factory of the WSGI application."""

from apiflask import APIFlask
from flask.json.provider import DefaultJSONProvider

from model.classifier import Classifier
from serve.api import api
from serve.body import drain_body
from serve.errors import register_errors
from serve.service import Service
from serve.settings import Settings, read_settings

_DESCRIPTION = "Chinese news text in; for every paragraph its themes and the departments it names out."


class _Json(DefaultJSONProvider):
    # Chinese as it is written, and fields in the order of the documentation.
    ensure_ascii = False
    sort_keys = False


class _App(APIFlask):
    json_provider_class = _Json


def create_app(classifier: Classifier | None = None, settings: Settings | None = None) -> APIFlask:
    """Build the application.

    Args:
        classifier: What labels; with ``None`` every endpoint that needs it answers 503 until
            ``app.extensions["lanmu.service"].use(classifier)`` is called.
        settings: The settings; read from the environment where ``None``.
    """
    settings = read_settings() if settings is None else settings
    app = _App(__name__, title="lanmu 栏目", version="1", docs_path=None, json_errors=False)
    app.config.update(
        DESCRIPTION=_DESCRIPTION,
        AUTO_SERVERS=False,
        AUTO_TAGS=False,
        AUTO_200_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
    )
    app.extensions["lanmu.settings"] = settings
    app.extensions["lanmu.service"] = Service(classifier)
    register_errors(app)
    app.after_request(drain_body)
    app.register_blueprint(api)
    return app
