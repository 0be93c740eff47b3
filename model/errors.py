"""What can go wrong between text and labels. Each message says what was expected, what came, and where.

LanmuError
├── BundleError          the bundle is missing, damaged, of another format, or does not fit itself
├── RuntimeUnavailableError   no inference runtime can run here
└── InputError           a document cannot be labelled as it was sent
"""


class LanmuError(Exception):
    """Base of lanmu's own errors; its message is meant for the user, in one line."""


class BundleError(LanmuError):
    """The bundle cannot be loaded."""


class RuntimeUnavailableError(LanmuError):
    """An inference runtime is not installed, or does not run on this processor."""


class InputError(LanmuError):
    """A document cannot be labelled as it was sent.

    Args:
        message: What was expected and what came.
        field: Where, as a path into the request, or "".
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field
