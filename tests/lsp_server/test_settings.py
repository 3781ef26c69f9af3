"""What clients send -> what we use: shapes, bad values, scopes, and the documentation made from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server import settings
from lsp_server.settings import Settings

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted(settings.schema()["properties"])


@pytest.mark.parametrize(
    "sent",
    [
        {"redraft": {"maxLines": 3, "context": {"openFiles": False}}},
        {"redraft": {"maxLines": 3, "context.openFiles": False}},
        {"maxLines": 3, "context": {"openFiles": False}},
        {"redraft.maxLines": 3, "redraft.context.openFiles": False, "other.maxLines": 9},
        {"redraft": {"maxLines": 3, "context": {"openFiles": False}, "unknown": 1, "mode": None}, "python": {}},
    ],
)
def test_every_shape_a_client_sends_is_read(sent: object) -> None:
    assert settings.section(sent) == {"maxLines": 3, "context.openFiles": False}
    read, complaints = settings.read(settings.section(sent) or {})
    assert (read.max_lines, read.open_files, complaints) == (3, False, [])


@pytest.mark.parametrize("sent", [None, [], "x", 5, {}, {"redraft": None}, {"redraft": []}, {"python": {"x": 1}}])
def test_what_is_not_ours_is_nothing(sent: object) -> None:
    assert settings.section(sent) is None


def test_a_bad_value_falls_back_alone_and_is_named() -> None:
    read, complaints = settings.read({"maxLines": "many", "eagerness": 0.9, "threads": True, "context": 5})
    assert read == Settings(eagerness=0.9)
    assert [complaint.split("`")[1] for complaint in complaints] == [
        "redraft.maxLines", "redraft.threads", "redraft.context",
    ]  # fmt: skip
    assert complaints[0] == '`redraft.maxLines` must be a whole number from 1 to 100, not "many"; using 8.'


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"redraft": {"maxlines": 3}}, "maxLines"),
        ({"redraft": {"max_lines": 3}}, "maxLines"),
        ({"redraft.debounce": 3}, "debounceMs"),
        ({"redraft": {"enabled": False}}, "enable"),
        ({"redraft": {"openFiles": False}}, "context.openFiles"),
        ({"redraft": {"next_edit": {"enable": False}}}, "nextEdit.enable"),
        ({"redraft": {"remote": {"uri": "http://127.0.0.1"}}}, "remote.url"),
    ],
)
def test_a_misspelt_name_is_told_its_right_spelling(sent: dict[str, Any], meant: str) -> None:
    read, complaints = settings.read(settings.section(sent) or {})
    assert read == Settings()
    assert [complaint.split("did you mean ")[1] for complaint in complaints] == [f"`redraft.{meant}`?"]


@pytest.mark.parametrize(
    "sent",
    [
        {"redraft": {"path": "x", "paused": True, "unknown": 1}},
        {"redraft": {"m" * 10_000_000: 1}},
        {"python": {"trace": True}, "editor.maxLine": 3},
    ],
)
def test_a_name_that_is_like_none_of_ours_is_no_mistake(sent: dict[str, Any]) -> None:
    assert not settings.section(sent)


@given(values=st.dictionaries(st.sampled_from([name.removeprefix("redraft.") for name in NAMES]), JSON))
def test_no_value_breaks_reading_and_each_is_used_or_complained_about(values: dict[str, Any]) -> None:
    read, complaints = settings.read(values)
    for name in values:
        one = next(field for field in Settings.__dataclass_fields__.values() if field.metadata["name"] == name)
        complained = any(f"`redraft.{name}`" in complaint for complaint in complaints)
        assert not complained or getattr(read, one.name) == one.default


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e400, -1, 10**30])
def test_numbers_beyond_all_bounds_fall_back(value: float) -> None:
    assert settings.read({"maxLines": value, "eagerness": value})[0] == Settings()


def test_defaults_are_those_of_the_program() -> None:
    from infill.complete import Preferences

    assert Settings().preferences == Preferences()


def test_preferences_in_the_programs_terms() -> None:
    sent = {
        "mode": "quality", "eagerness": 1, "maxLines": 2, "deadlineMs": 0, "disabledIn": [], "exclude": ["*.sql"],
        "context": {"openFiles": False, "imports": False, "recentEdits": False, "tokens": 0}, "fix": {"maxDistance": 9},
    }  # fmt: skip
    chosen = settings.read(settings.section(sent) or {})[0].preferences
    assert (chosen.mode, chosen.eagerness, chosen.max_lines, chosen.deadline) == ("quality", 1.0, 2, None)
    assert (chosen.disabled_in, chosen.exclude, chosen.max_distance) == (frozenset(), ("*.sql",), 9)
    assert not (chosen.open_files or chosen.imports or chosen.recent_edits or chosen.context_tokens)


def test_places_are_those_that_the_program_knows() -> None:
    from infill.site import Kind

    places = settings.schema()["properties"]["redraft.disabledIn"]["items"]["enum"]
    assert set(places) < set(get_args(Kind))


@pytest.mark.parametrize(
    ("enable", "python", "markdown", "off"),
    [
        (True, True, True, False),
        (False, False, False, True),
        ({"markdown": False}, True, False, False),
        ({"*": False, "python": True}, True, False, False),
        ({"*": False, "python": False}, False, False, True),
        ({}, True, True, False),
    ],
)
def test_enable_is_a_flag_or_a_map_of_languages(enable: object, python: bool, markdown: bool, off: bool) -> None:
    read, complaints = settings.read({"enable": enable})
    assert not complaints
    assert (read.enabled("python"), read.enabled("markdown"), read.off) == (python, markdown, off)


def test_machine_settings_are_what_may_not_come_from_a_folder() -> None:
    every = {name.removeprefix("redraft."): None for name in NAMES}
    assert set(every) - set(settings.only_window(every)) == {
        *("model", "backend", "device", "dtype", "threads"),
        *("remote.url", "remote.kind", "remote.model", "remote.proxy"),
    }


@pytest.mark.parametrize(
    "address",
    ["gpu:30000", "//gpu/v1", "file:///etc/passwd", "http://", "https://user:word@gpu/", "http://user@gpu/",
     "http://gpu/?key=word", "http://gpu/#word", "http://gpu:99999/", "http://gp u/", "http://gpu..net/", "http://[::1/",
     "http://gpu/\r\nX: word", 5],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_shown(address: object) -> None:
    read, (complaint,) = settings.read({"remote.url": address})
    assert read == Settings()
    assert complaint == (
        '`redraft.remote.url` must be an http or https address without user name, password and query; using "".'
    )
    for good in ("", "http://127.0.0.1:8012", "https://[::1]:8012/v1", "http://gpu.example/a/b/"):
        assert settings.read({"remote.url": good}) == (Settings(remote_url=good), [])


def test_no_model_from_an_opened_folder_nor_the_network_nor_a_relative_path(tmp_path: Path) -> None:
    inside, outside = tmp_path / "work" / "model", tmp_path / "models" / "mine"
    (tmp_path / "work" / "link").parent.mkdir()
    (tmp_path / "work" / "link").symlink_to(inside)
    (tmp_path / "shortcut").symlink_to(tmp_path / "work")
    refused = [
        str(inside), str(tmp_path / "work"), str(tmp_path / "models" / ".." / "work" / "x"), "../x", "./x", "x/y",
        str(tmp_path / "shortcut" / "model"), "//host/share/x", r"\\host\share", "https://host/x",
        "scripted:script.json", f"scripted:{inside}", "C:x", "mine", "..", "~nosuchuser/m", "/m/\0",
    ]  # fmt: skip
    for model in refused:
        read, complaints = settings.read({"model": model}, [str(tmp_path / "work")])
        assert (read.model, len(complaints)) == ("", 1), model
        assert complaints[0].startswith("`redraft.model` "), complaints
    for model in ["redraft-135m", str(outside), "~/models/mine", f"scripted:{outside}"]:
        assert settings.read({"model": model}, [str(tmp_path / "work")]) == (Settings(model=model), [])


def test_the_command_line_outweighs_the_client_and_may_name_any_path() -> None:
    read, complaints = settings.read({"model": "/a", "mode": "quality"}, ["/w"], {"model": "./x", "threads": 2})
    assert (read.model, read.threads, read.mode, complaints) == ("./x", 2, "quality", [])
    with pytest.raises(ValueError):
        settings.read({}, (), {"threads": "all"})


# ---- documentation


def test_the_schema_knows_every_setting_and_its_default() -> None:
    schema = json.loads(json.dumps(settings.schema()))
    assert len(schema["properties"]) == len(Settings.__dataclass_fields__)
    for name, one in schema["properties"].items():
        default = {name.removeprefix("redraft."): one["default"]}
        assert settings.read(default) == (Settings(), []), name
        assert one["scope"] in ("window", "machine")
        assert one["markdownDescription"].endswith((".", ")", "`")), name


def test_the_table_has_a_row_for_each_setting() -> None:
    rows = settings.markdown().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(settings.schema()["properties"])
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


def test_only_what_stands_between_the_marks_is_renewed() -> None:
    page = f"before\n{settings.BEGIN}\nold\n{settings.END}\nafter\n"
    renewed = settings.updated(page)
    assert renewed == f"before\n{settings.BEGIN}\n{settings.markdown()}\n{settings.END}\nafter\n"
    assert settings.updated(renewed) == renewed
    assert settings.updated("no marks") == "no marks"


def test_the_module_writes_documentation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{settings.BEGIN}{settings.END}", encoding="utf-8")
    assert settings.main(["--update", str(page)]) == 0
    assert settings.markdown() in page.read_text(encoding="utf-8")
    assert settings.main(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(settings.schema()))
    assert settings.main([]) == 2
