"""The completer of one connection: loaded once, in a thread of its own, when it is first wanted."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server.settings import Settings

if TYPE_CHECKING:
    from infill.complete import Completer

log = logging.getLogger(__name__)

Load = Callable[[Settings], "Completer"]
"""Makes the completer; runs in a thread of its own. Raises an exception whose text is one sentence with a remedy."""


class Model:
    """All methods are called on the event loop; `load` runs in a thread.

    loaded: called once when loading has ended, with what went wrong or an empty text. completer: None until then, if
    loading failed, and after `close`. failure: why there is none. begun, ended: set when loading begins and ends.
    """

    def __init__(self, load: Load, loaded: Callable[[str], None]) -> None:
        self._load, self._loaded = load, loaded
        self.completer: Completer | None = None
        self.failure = ""
        self.begun, self.ended = asyncio.Event(), asyncio.Event()
        self._closed = False

    def begin(self, chosen: Settings) -> None:
        """Load the model that the settings name or, if that fails, the embedded one. Further calls do nothing."""
        if self.begun.is_set() or self._closed:
            return
        self.begun.set()
        loop = asyncio.get_running_loop()

        def load() -> None:
            completer, failure = self._try(chosen)
            if completer is None and chosen.model:
                completer, worse = self._try(replace(chosen, model="", backend="auto", device="auto", dtype="auto"))
                failure = worse or f"{failure} The model that comes with redraft serves instead."
            try:
                loop.call_soon_threadsafe(self._finish, completer, failure)
            except RuntimeError:
                if completer is not None:
                    completer.close()  # the connection ended meanwhile

        # A daemon: a client that leaves while the model loads must not be waited for.
        threading.Thread(target=load, name="load-model", daemon=True).start()

    def close(self) -> None:
        """The connection is over."""
        self._closed = True
        if self.completer is not None:
            self.completer.close()
            self.completer = None

    def _try(self, chosen: Settings) -> tuple[Completer | None, str]:
        """The completer, or why there is none. Runs in the loading thread."""
        try:
            return self._load(chosen), ""
        except BaseException as error:  # nobody else would be told; a panic in Rust is no Exception
            log.exception("the model could not be loaded")
            return None, str(error) or type(error).__name__

    def _finish(self, completer: Completer | None, failure: str) -> None:
        if self._closed:
            if completer is not None:
                completer.close()
            return
        self.completer, self.failure = completer, failure if completer is None else ""
        self.ended.set()
        self._loaded(failure)
