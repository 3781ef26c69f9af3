"""What the documentation says of the code is generated or checked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infill import languages
from lsp_server import cli, settings
from tests.conftest import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "editor-configs" / "README.md"]


def test_pages_are_wrapped_but_for_their_tables() -> None:
    lines = ((page.name, line) for page in PAGES for line in page.read_text(encoding="utf-8").splitlines())
    assert not [(name, line) for name, line in lines if len(line) > 120 and not line.startswith("|")]


def test_the_settings_table_is_current() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert settings.BEGIN in page
    assert settings.updated(page) == page, "run python -m lsp_server.settings --update README.md"


def test_the_vscode_extension_knows_the_settings_and_starts_for_every_language() -> None:
    page = (ROOT / "editor-configs" / "vscode" / "package.json").read_text(encoding="utf-8")
    assert settings.contributed(page) == page, (
        "run python -m lsp_server.settings --update editor-configs/vscode/package.json"
    )
    starts = [f"onLanguage:{language}" for language in (*languages.KNOWN, *languages.OTHERS)]
    assert json.loads(page)["activationEvents"] == starts


def test_every_command_is_in_the_readme_and_nothing_more() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `redraft (\w+)", page, re.MULTILINE))
    assert rows == set(cli.COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    defined = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.MULTILINE))
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    used = set(re.findall(r"\]\[([^\]]+)\]", prose))
    assert used == set(defined)
    targets = [target for target in (*re.findall(r"\]\(([^)]+)\)", text), *defined.values()) if "://" not in target]
    missing = [target for target in targets if not leads_somewhere(page, target)]
    assert not missing, missing


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether there is that file, or that heading in it, as GitHub names headings in addresses."""
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    if not anchor or not file.exists():
        return file.exists()
    headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_an_editor_can_do_is_linked_to_its_test() -> None:
    page = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("| \n").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    head, *editors = rows
    assert len(editors) > 10
    for name, *cells in editors:
        assert len(cells) == len(head) - 1, name
        for cell in cells:
            assert cell.startswith(("no", "untested", "the menu's")) or "][" in cell, (name, cell)


def test_the_tree_names_files_that_exist() -> None:
    tree = (
        (ROOT / "ARCHITECTURE.md")
        .read_text(encoding="utf-8")
        .partition("## The tree")[2]
        .partition("```\n")[2]
        .partition("```")[0]
    )
    folder, missing = ROOT, []
    for line in tree.splitlines():
        if not line.startswith(" "):
            folder = ROOT / line.split()[0]
            missing += [] if folder.is_dir() else [str(folder)]
        for name in re.findall(r"\b\w+\.py\b|\b\w+/", line if line.startswith(" ") else ""):
            missing += [] if (folder / name).exists() else [f"{folder.name}/{name}"]
    assert not missing, missing
