"""Reading a request's body: never more than the limit, and never less than was sent without saying so."""

from flask import Response, request

from serve.errors import TooLargeError

_CHUNK_BYTES = 64 * 1024
_DRAIN_BYTES = 64 * 1024 * 1024


def read_body(limit_bytes: int) -> bytes:
    """The body of the current request.

    Werkzeug's own limit is not used: a chunked body that is over it comes out cut at the limit, without an error.

    Raises:
        TooLargeError: If the body is over ``limit_bytes``.
    """
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes, request.content_length)
    body = bytearray()
    while chunk := request.stream.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes, None)
    return bytes(body)


def _too_large(limit_bytes: int, actual: int | None) -> TooLargeError:
    return TooLargeError(f"the body is over the limit of {limit_bytes} bytes", "", limit_bytes, actual)


def drain_body(response: Response) -> Response:
    """Read what is left of a body that was refused, up to a bound.

    Most clients read no answer before they have sent everything; with a body left unread, the connection would be cut under
    them and they would see that instead of the error.
    """
    # Only where the server ends the stream with the body: elsewhere reading on would wait for ever.
    if request.environ.get("wsgi.input_terminated"):
        stream = request.environ["wsgi.input"]
        left = _DRAIN_BYTES
        while left > 0 and (chunk := stream.read(_CHUNK_BYTES)):
            left -= len(chunk)
    return response
