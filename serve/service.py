"""The classifier behind the endpoints, and whether it is ready."""

from data.records import Document, Kind, Paragraph
from model.classifier import Classifier
from serve.errors import NotReadyError

_TINY_TEXT = "市政务服务局压缩办理时限。"


class Service:
    """Holds the classifier once it is loaded and has proved that it labels.

    Args:
        classifier: The classifier, or ``None`` where it comes later, through :meth:`use`.
    """

    def __init__(self, classifier: Classifier | None = None) -> None:
        self._classifier: Classifier | None = None
        if classifier is not None:
            self.use(classifier)

    def use(self, classifier: Classifier) -> None:
        """Label a tiny text with ``classifier``, and from then on be ready."""
        whole = Paragraph(0, Kind.BODY, 0, len(_TINY_TEXT), _TINY_TEXT, ((0, 0, len(_TINY_TEXT)),))
        classifier.label([Document("tiny", (whole,), _TINY_TEXT)])
        self._classifier = classifier

    @property
    def classifier(self) -> Classifier:
        """The classifier.

        Raises:
            NotReadyError: If it is not loaded yet.
        """
        if self._classifier is None:
            raise NotReadyError("the model is still being loaded")
        return self._classifier
