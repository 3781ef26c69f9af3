"""A share of the processor counts as so many cores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import cores


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with eight cores, all of them for this process."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("limits", "usable"),
    [
        ({}, 8),
        ({"pod/app": "max 100000"}, 8),
        ({"pod/app": "200000 100000"}, 2),
        ({"pod/app": "150000 100000"}, 2),
        ({"pod/app": "20000 100000"}, 1),
        ({"pod": "300000 100000", "pod/app": "max 100000"}, 3),
        ({"": "100000 50000"}, 2),
        ({"pod/app": "3200000 100000"}, 8),
        ({"pod/app": ""}, 8),
    ],
)
def test_no_more_than_a_containers_share(tmp_path: Path, limits: dict[str, str], usable: int) -> None:
    own = tmp_path / "own"
    own.write_text("12:cpuset:/elsewhere\n0::/pod/app\n")
    groups = tmp_path / "groups"
    (groups / "pod" / "app").mkdir(parents=True)
    for group, limit in limits.items():
        (groups / group / "cpu.max").write_text(f"{limit}\n")
    assert cores.usable_cores(groups, own) == usable


@pytest.mark.usefixtures("eight")
def test_a_group_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"0::/caf\xe9\n")
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    assert cores.usable_cores(tmp_path, tmp_path / "own") == 2


@pytest.mark.usefixtures("eight")
def test_where_nothing_is_told_all_there_are(tmp_path: Path) -> None:
    assert cores.usable_cores(tmp_path, tmp_path / "none") == 8
