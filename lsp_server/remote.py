"""The server that is asked before the model of this process: whether that is safe, and its key."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lsp_server.errors import UserError
from lsp_server.hosts import is_loopback

if TYPE_CHECKING:
    from infill.remote import Remote, RemoteFiller
    from lsp_server.compose import Choice

log = logging.getLogger(__name__)

KEY_VARIABLE, KEYRING_SERVICE = "REDRAFT_REMOTE_KEY", "redraft"
"""Where the key stands: in the environment, or in the keyring under this service and the host as user."""


def open_remote(choice: Choice) -> RemoteFiller | None:
    """A filler that will ask the chosen remote. Raises UserError when that cannot be done safely."""
    remote = remote_of(choice)
    if remote is None:
        return None
    from infill.remote import RemoteFiller

    try:
        return RemoteFiller(remote)
    except (OSError, ValueError) as error:
        raise UserError(f"{remote.host} cannot be asked ({error}); check SSL_CERT_FILE and redraft.remote.") from None


def remote_of(choice: Choice) -> Remote | None:
    """The remote that is chosen, with its key. Raises UserError when it cannot be asked safely."""
    if not choice.remote_url:
        return None
    from infill.remote import Remote

    address = urlsplit(choice.remote_url)
    key = _key(address.netloc)
    met_first = (urlsplit(choice.remote_proxy) if choice.remote_proxy else address).hostname or ""
    if key and address.scheme == "http" and not (is_loopback(address.hostname or "") and is_loopback(met_first)):
        raise UserError(
            f"the key for {address.netloc} would travel unencrypted; make redraft.remote.url an https address, or "
            "take the key away."
        )
    kind = choice.remote_kind or "completions"
    return Remote(choice.remote_url, kind, choice.remote_model, key, choice.remote_proxy)


def _key(host: str) -> str:
    """The key for a host: from the environment, else from the system's keyring where `keyring` is installed, else
    none. Raises UserError for one that cannot stand in a header, and never shows it."""
    key, place = os.environ.get(KEY_VARIABLE, "").strip(), KEY_VARIABLE
    if not key:
        key, place = _kept_key(host), "the keyring"
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(f"the key in {place} holds characters that no key has; set it anew.")
    return key


def _kept_key(host: str) -> str:
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        return ""
    try:
        return (keyring.get_password(KEYRING_SERVICE, host) or "").strip()
    except NoKeyringError:
        return ""
    except Exception as error:  # its backends raise what they like
        log.warning("the keyring cannot be read (%s); asking %s without a key", type(error).__name__, host)
        return ""
