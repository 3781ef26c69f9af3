"""Releases come as archives through the real clients, offline, from a folder of wheels; and what was there stays."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from training import fetch, manifest
from training.fetch import folder_of
from training.manifest import Release
from training.shards import read_sources

OFFLINE = ("--no-index",)
MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software"


def release(name: str, version: str = "newest", ecosystem: str = "pypi", split: str = "train") -> Release:
    return Release(name, version, ecosystem, split=split)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name, version in (("Some_Thing", "1.0"), ("Some_Thing", "2.0"), ("other", "3.1")):
        put_wheel(folder, name, version)
    return folder


def put_wheel(folder: Path, name: str, version: str, files: Mapping[str, str] = MappingProxyType({})) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        for path, text in files.items():
            made.writestr(path, text)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")


def test_pip_brings_versions_named_open_and_below(index: Path, tmp_path: Path) -> None:
    wanted = [release("some.thing"), release("other", "3.1")]
    outcomes = fetch.fetch(tmp_path / "got", wanted, OFFLINE)
    assert [(o.release.version, o.reason) for o in outcomes] == [("2.0", ""), ("3.1", "")]
    (earlier,) = fetch.fetch(tmp_path / "got", [release("some.thing", "<2.0", split="earlier")], OFFLINE)
    assert earlier.release.version == "1.0"
    got = sorted(str(path.relative_to(tmp_path / "got")) for path in (tmp_path / "got").rglob("*.whl"))
    assert got == [
        "pypi/other@3.1/other-3.1-py3-none-any.whl",
        "pypi/some.thing@1.0/Some_Thing-1.0-py3-none-any.whl",
        "pypi/some.thing@2.0/Some_Thing-2.0-py3-none-any.whl",
    ]


def test_one_that_cannot_be_had_costs_the_others_nothing(index: Path, tmp_path: Path) -> None:
    wanted = [release("some-thing", "9.9"), release("other"), release("never-heard-of")]
    outcomes = {o.release.package: o for o in fetch.fetch(tmp_path / "got", wanted, OFFLINE)}
    assert outcomes["other"].reason == "" and outcomes["other"].release.version == "3.1"
    for name in ("some-thing", "never-heard-of"):
        reason = outcomes[name].reason
        assert reason.startswith(name) and "cannot be had: " in reason and "\n" not in reason
        assert outcomes[name].release in wanted


def test_what_is_there_is_not_asked_for_again(index: Path, tmp_path: Path) -> None:
    first = [o.release for o in fetch.fetch(tmp_path / "got", [release("other"), release("some-thing")], OFFLINE)]
    for wheel in index.iterdir():
        wheel.unlink()
    again = fetch.fetch(tmp_path / "got", first, OFFLINE)
    assert [(o.release, o.reason) for o in again] == [(line, "") for line in first]
    put_wheel(index, "late", "1.0")
    outcomes = fetch.fetch(tmp_path / "got", [*first, release("late")], OFFLINE)
    assert not [o.reason for o in outcomes if o.reason]
    assert not list((tmp_path / "got").glob(".coming-*"))


def test_the_manifest_learns_the_versions_and_a_second_run_asks_nothing(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "manifest.tsv"
    manifest.write([release("other"), release("some-thing"), release("some-thing", "<2", split="earlier")], path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("sys.argv", ["fetch", "--downloads", str(tmp_path / "got"), "--manifest", str(path)])
    with pytest.raises(SystemExit) as ended:
        fetch.main()
    assert ended.value.code == 0 and "3 of 3 releases are there." in capsys.readouterr().out
    assert [(r.package, r.version, r.split) for r in manifest.read(path)] == [
        ("other", "3.1", "train"),
        ("some-thing", "2.0", "train"),
        ("some-thing", "1.0", "earlier"),
    ]
    for wheel in index.iterdir():
        wheel.unlink()
    with pytest.raises(SystemExit) as ended:
        fetch.main()
    assert ended.value.code == 0
    manifest.write([*manifest.read(path), release("gone")], path)
    with pytest.raises(SystemExit) as ended:
        fetch.main()
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "gone newest (pypi) cannot be had: " in said and "3 of 4 releases are there." in said


def test_the_recipe_goes_from_the_manifest_to_shards(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`runs/corpus.sh`, without network; a release that is not to be had stops nothing."""
    root = Path(__file__).parents[2]
    for name, module in (("one", textwrap), ("two", inspect)):
        put_wheel(
            index, name, "1.0", {f"{name}/core.py": inspect.getsource(module), f"{name}-1.0.dist-info/LICENSE": MIT}
        )
    path = tmp_path / "manifest.tsv"
    manifest.write([release("one", split="heldout"), release("two"), release("gone")], path)
    for variable, value in (("PIP_NO_INDEX", "1"), ("MANIFEST", str(path)), ("PYTHON", sys.executable)):
        monkeypatch.setenv(variable, value)
    command = ["bash", str(root / "training/runs/corpus.sh"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "gone newest (pypi) cannot be had" in done.stdout and "Going on without them." in done.stderr
    for split, package, module in (("heldout", "one", textwrap), ("train", "two", inspect)):
        (source,) = read_sources([tmp_path / "out" / "shards" / f"{split}-000.jsonl.xz"])
        assert (source.package, source.text) == (package, inspect.getsource(module))
    assert "| python | 2 |" in (tmp_path / "out" / "tables.md").read_text()
    assert {(r.package, r.version, r.licence) for r in manifest.read(path)} == {
        ("one", "1.0", "MIT"), ("two", "1.0", "MIT"), ("gone", "newest", "-"),
    }  # fmt: skip


def test_command_lines_neither_build_nor_run_anything() -> None:
    pip = fetch.pip_command([release("a", "1.0"), release("b", "<3"), release("c")], ())
    assert pip[:4] == [sys.executable, "-m", "pip", "download"] and pip[-3:] == ["a==1.0", "b<3", "c"]
    assert "--no-deps" in pip and pip[pip.index("--only-binary") + 1] == ":all:"
    npm = fetch.npm_command(
        [release("@x/a", "1.0", "npm"), release("b", "<3", "npm"), release("c", "newest", "npm")], ()
    )
    assert npm == ["npm", "pack", "--silent", "--ignore-scripts", "@x/a@1.0", "b@<3", "c"]
    apt = fetch.apt_command(
        [release("a", "1.0", "debian"), release("b", "newest", "debian")], ("-o", "x=y"), "bookworm"
    )
    assert apt[:4] == ["apt-get", "--quiet", "-o", "x=y"] and apt[-2:] == ["a/bookworm", "b/bookworm"]
    assert {"source", "--download-only"} <= set(apt)


@pytest.mark.parametrize(
    ("found", "files", "name", "expected"),
    [
        (fetch.tarball, ["scope-core-1.2.0.tgz", "core-9.0.0.tgz"], "@scope/core", (["scope-core-1.2.0.tgz"], "1.2.0")),
        (fetch.tarball, ["core-js-3.0.0.tgz", "core-1.0.0-rc.1.tgz"], "core", (["core-1.0.0-rc.1.tgz"], "1.0.0-rc.1")),
        (fetch.upstream, ["a_1.2+ds.orig.tar.xz", "ab_9.orig.tar.gz"], "a", (["a_1.2+ds.orig.tar.xz"], "1.2+ds")),
        (
            fetch.upstream,
            ["a_1.2.orig-docs.tar.gz", "a_1.2.orig.tar.gz", "a_1.2-1.debian.tar.xz"],
            "a",
            (["a_1.2.orig-docs.tar.gz", "a_1.2.orig.tar.gz"], "1.2"),
        ),
        (fetch.upstream, ["a_7.tar.xz"], "a", (["a_7.tar.xz"], "7")),
        (fetch.wheel, ["zope.interface-7.0-cp312-cp312-any.whl"], "zope-interface",
         (["zope.interface-7.0-cp312-cp312-any.whl"], "7.0")),
        (fetch.wheel, ["b-1-py3-none-any.whl"], "a", ([], "")),
    ],
)  # fmt: skip
def test_archives_are_known_by_their_names(
    tmp_path: Path, found: object, files: list[str], name: str, expected: tuple[list[str], str]
) -> None:
    for file in files:
        (tmp_path / file).write_bytes(b"")
    archives, version = found(tmp_path, release(name))  # type: ignore[operator]
    assert ([path.name for path in archives], version) == expected


def test_a_client_that_is_not_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (outcome,) = fetch.fetch(tmp_path / "got", [release("x", "1.0", "npm")])
    assert outcome.reason.startswith("x 1.0 (npm) cannot be had: ") and "npm" in outcome.reason.split(": ", 1)[1]


def test_an_offered_version_that_is_not_the_one_wanted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "come").mkdir()
    (tmp_path / "come" / "a_2.0.orig.tar.gz").write_bytes(b"x")
    outcome = fetch._filed(tmp_path / "got", tmp_path / "come", release("a", "1.0", "debian"), ["nothing"])
    assert outcome.reason == "a 1.0 (debian) cannot be had: version 2.0 is offered in its place."
    assert not folder_of(tmp_path / "got", release("a", "1.0", "debian")).exists()


def test_the_wheels_that_pip_accepts_are_those_of_one_platform(index: Path, tmp_path: Path) -> None:
    put_wheel(index, "only_elsewhere", "1.0")
    (index / "only_elsewhere-1.0-py3-none-any.whl").rename(index / "only_elsewhere-1.0-cp27-cp27m-win32.whl")
    (outcome,) = fetch.fetch(tmp_path / "got", [release("only-elsewhere")], OFFLINE)
    assert "cannot be had" in outcome.reason
