"""Code among words: what a line between fences or in a literal block is written in."""

from __future__ import annotations

import pytest

from infill.fences import row_of
from infill.languages import language


@pytest.mark.parametrize(
    ("above", "line", "found"),
    [
        ("# A tool\n", "It is", "markdown"),
        ("```python\nx = 1", "y", "python"),
        ("```\nx = 1", "y", ""),
        ("~~~ sh\nls", "cd", "shellscript"),
        ("- So:\n\n  ```{r}\n  x <- 1", "  y", "r"),
        ("```python\nx = 1\n```", "It is", "markdown"),
        ("````md\n```\nx", "It is", "markdown"),
        ("```yml\na: 1", "b", "yaml"),
        ("Write ```x``` there.", "It is", "markdown"),
        ("end of one\n```\n\nA word.\n\n```yaml\na: 1", "b:", "yaml"),
        ("```text\na", "b", "text"),
        (".. code-block:: python\n\n   def f():\n       pass", "       y", "python"),
        (".. code:: c\n   :number-lines:\n\n   int a;", "   ", "c"),
        ("As in::\n\n    x = 1", "    ", ""),
        ("As in::\n\n    x = 1\n", "It is", "markdown"),
        ("- As in\n  this", "  one", "markdown"),
    ],
)
def test_whose_line_it_is(above: str, line: str, found: str) -> None:
    row = row_of(language("markdown"), above.split("\n"), line)
    assert (row.id, row.grammar) == (found, "")
    assert row.prose is (found in ("markdown", "text"))
