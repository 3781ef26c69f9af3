"""Ids and file names that stand for a language."""

from __future__ import annotations

import pytest

from infill.languages import KNOWN, OTHERS, language, language_of_path


@pytest.mark.parametrize(
    ("language_id", "row", "sign"),
    [
        ("yaml.docker-compose", "docker-compose", "#"),
        ("javascript.jsx", "javascriptreact", "//"),
        ("python.django", "python", "#"),
        ("go.mod", "go.mod", "//"),
        ("Makefile", "makefile", "#"),
        ("rs", "rust", "//"),
        ("FortranFreeForm", "FortranFreeForm", "!"),
        ("Fortran", "fortran", "!"),
        ("nobody.knows", "nobody.knows", ""),
        ("", "", ""),
    ],
)
def test_an_id_in_parts_is_its_last_part_that_is_known(language_id: str, row: str, sign: str) -> None:
    found = language(language_id)
    assert (found.id, found.line_comment) == (row, sign)


@pytest.mark.parametrize("language_id", ["gitcommit", "git-commit", "markdown", "text", "rst", "tex", "markdown.mdx"])
def test_words_for_people_are_prose_whatever_an_editor_calls_them(language_id: str) -> None:
    assert language(language_id).prose


@pytest.mark.parametrize("language_id", [*KNOWN, *OTHERS, "", "nobody.knows"])
def test_code_is_no_prose(language_id: str) -> None:
    assert not language(language_id).prose


@pytest.mark.parametrize(
    ("path", "language_id"),
    [
        ("src/app.py", "python"),
        ("C:\\web\\App.TSX", "typescriptreact"),
        (".github/workflows/ci.yml", "yaml"),
        ("Makefile", "makefile"),
        ("docker/Dockerfile", "dockerfile"),
        ("CMakeLists.txt", "cmake"),
        ("src/solve.F90", "fortran"),
        ("notes.txt", "plaintext"),
        (".git/COMMIT_EDITMSG", "git-commit"),
        ("bin/start", ""),
        ("a.unheard", ""),
    ],
)
def test_a_file_s_name_tells_its_language(path: str, language_id: str) -> None:
    assert language_of_path(path) == language_id
    known = language(language_id)
    assert known.prose or not language_id or known.id in (*KNOWN, *OTHERS)
