"""gunicorn around the application: one worker with threads, which loads the model after it has been forked."""

import os
import socket
import sys
import threading
from typing import Any

from apiflask import APIFlask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from model.bundle import read_bundle
from model.classifier import Classifier
from model.errors import LanmuError
from serve.app import create_app
from serve.service import Service
from serve.settings import Settings


def run_server(settings: Settings) -> None:
    """Serve until a signal says to stop; ends the process.

    Raises:
        BundleError: If the bundle cannot be loaded.
        LanmuError: If the address cannot be listened on.
    """
    read_bundle(settings.bundle)  # one clear line now, before any process is started
    try:
        socket.create_server((settings.host, settings.port), family=_family(settings.host)).close()
    except OSError as error:
        # Python adds the address to strerror once more.
        reason = str(error.strerror or error).partition(" (while attempting")[0]
        raise LanmuError(f"cannot listen on {_address(settings.host, settings.port)}: {reason}") from error
    Server(settings).run()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The gunicorn application.

    Args:
        settings: How to serve.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listening = (settings.host, settings.port)
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn: hand it our settings, and no file's or environment's."""
        options: dict[str, Any] = {
            "bind": _address(*self._listening),
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._settings.http_threads,
            "preload_app": False,
            "keepalive": 75,
            "loglevel": "warning",
            "proc_name": "lanmu",
            "control_socket_disable": True,
            "when_ready": self._bound,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> APIFlask:
        """Called by gunicorn in the worker: the application, at once; the model follows in the background, and /readyz tells when."""
        app = create_app(settings=self._settings)
        threading.Thread(target=self._load_model, args=(app.extensions["lanmu.service"],), name="load-model", daemon=True).start()
        return app

    def _bound(self, arbiter: Arbiter) -> None:
        # With port 0 only the socket knows the port. The worker is forked after this and inherits what is kept here.
        self._listening = arbiter.LISTENERS[0].sock.getsockname()[:2]

    def _load_model(self, service: Service) -> None:
        settings = self._settings
        try:
            classifier = Classifier.open(settings.bundle, settings.runtime, settings.threads)
            service.use(classifier)
        except Exception as error:
            reason = str(error) if isinstance(error, LanmuError) else f"the model cannot be loaded: {error!r}"
            print(f"lanmu: error: {reason}", file=sys.stderr, flush=True)
            # A thread cannot end its process otherwise; gunicorn stops as a whole on this status.
            os._exit(Arbiter.APP_LOAD_ERROR)
        print(f"lanmu: ready at http://{_address(*self._listening)} ({classifier.bundle.label}, {classifier.session.runtime})", flush=True)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
