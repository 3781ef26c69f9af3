"""What the editor may show now, in each document; ids come back in `redraft.didAccept`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infill.complete import Suggestion
    from infill.document import Snapshot


class Offers:
    """The last suggestions in each open document, by ids that are unique within a connection."""

    def __init__(self) -> None:
        self._made = 0
        self._standing: dict[str, Mapping[str, Suggestion]] = {}

    def make(self, uri: str, suggestions: Sequence[Suggestion]) -> Mapping[str, Suggestion]:
        """Offer these, by id; they replace what was offered in the document before."""
        ids = range(self._made, self._made + len(suggestions))
        self._made = ids.stop
        self._standing[uri] = dict(zip(map(str, ids), suggestions, strict=True))
        return self._standing[uri]

    def typed_through(self, snapshot: Snapshot, cursor: int) -> bool:
        """Whether the text before the cursor is the beginning of what was offered last."""
        return any(
            cursor > one.start and one.text.startswith(snapshot.text[one.start : cursor])
            for one in self._standing.get(snapshot.uri, {}).values()
        )

    def take(self, offer: str) -> None:
        """The user took it: what was offered beside it is over."""
        self._standing = {uri: known for uri, known in self._standing.items() if offer not in known}

    def forget(self, uri: str) -> None:
        """The document is closed."""
        self._standing.pop(uri, None)
