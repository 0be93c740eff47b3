"""Exception → status, in one table, and the one error body that every endpoint answers with.

LanmuError
├── InputError            422  a value in the request is not what it must be
│   ├── NotJsonError      400  the body is not JSON at all
│   └── TooLargeError     413  the request is over a limit
├── NotReadyError         503  the model is not loaded yet
├── BundleError           503
└── RuntimeUnavailableError    503
"""

import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from model.errors import BundleError, InputError, LanmuError, RuntimeUnavailableError

log = logging.getLogger("lanmu")


class NotJsonError(InputError):
    """What was sent is not JSON in UTF-8."""


class TooLargeError(InputError):
    """What was sent is over a limit.

    Args:
        message: What is over the limit.
        field: Where, as a path into the request, or "" for the whole.
        limit: The most that is taken.
        actual: What came, or ``None`` where it was not measured.
    """

    def __init__(self, message: str, field: str, limit: int, actual: int | None) -> None:
        super().__init__(message, field)
        self.limit = limit
        self.actual = actual


class NotReadyError(LanmuError):
    """The model has not been loaded yet, or could not be."""


STATUSES: tuple[tuple[type[LanmuError], int, str], ...] = (
    (NotJsonError, 400, "not_json"),
    (TooLargeError, 413, "too_large"),
    (InputError, 422, "invalid_input"),
    (NotReadyError, 503, "not_ready"),
    (BundleError, 503, "bundle_error"),
    (RuntimeUnavailableError, 503, "runtime_unavailable"),
)
"""The status and code of each exception; the first that fits counts."""


def error_response(status: int, code: str, message: str, field: str = "", limit: int | None = None, actual: int | None = None) -> Response:
    """The error body: ``field``, ``limit`` and ``actual`` are there on every error, ``null`` where they do not apply."""
    body = {"code": code, "message": message, "field": field or None, "limit": limit, "actual": actual}
    response = jsonify({"error": body})
    response.status_code = status
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    return response


def register_errors(app: Flask) -> None:
    """Make every failure of ``app``, expected or not, answer with the error body."""
    app.register_error_handler(LanmuError, _lanmu_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _lanmu_error(error: LanmuError) -> Response:
    status, code = next(((status, code) for kind, status, code in STATUSES if isinstance(error, kind)), (500, "internal_error"))
    return error_response(
        status, code, str(error), getattr(error, "field", ""), limit=getattr(error, "limit", None), actual=getattr(error, "actual", None)
    )


def _http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400:
        return error  # a redirect, not a failure
    response = error_response(status, HTTPStatus(status).name.lower(), error.description or error.name)
    # Allow on 405 and its like belong to the answer; its type and length are those of the body that was replaced.
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return error_response(500, "internal_error", "the server failed on this request; its log says why")
