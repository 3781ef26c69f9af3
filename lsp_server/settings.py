"""What a client may send (section `redraft`) -> what we use; the one documented source of every setting.

The protocol does not say which layer of the user's configuration a value came from: the answer to
`workspace/configuration` and the payload of `workspace/didChangeConfiguration` are already merged with whatever file
the opened folder brought along. So a setting that names something to load (scope `machine`) counts only where a folder
cannot speak: on the command line, and in `initializationOptions`, which the editor sends when it starts the server.
A path inside an opened folder, a relative one and one on the network are refused there too. Everything else (scope
`window`) is live, and can at most ask the model less or more often: `exclude` adds to the built-in denials and never
takes one away.

`python -m lsp_server.settings --markdown | --schema | --update FILE` writes what the documentation shows of them.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from lsp_server import kinds

if TYPE_CHECKING:
    from infill.complete import Preferences

SECTION = "redraft"
THREADS_MOST = 256
MODES = ("speedy", "quality", "auto", "causal")
BACKENDS = ("auto", "onnx", "torch")
DTYPES = ("auto", "float32", "bfloat16", "float16", "int8")
REMOTE_KINDS = ("completions", "llama.cpp", "fim", "mercury-edit", "sglang", "vllm")
_PLACES = ("comment", "docstring", "string", "prose")
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"


def _setting(name: str, kind: kinds.Kind, default: Any, description: str, *, scope: str = "window") -> Any:
    return field(default=default, metadata={"name": name, "kind": kind, "description": description, "scope": scope})


@dataclass(frozen=True)
class Settings:
    """Every setting, read and valid. Wire names stand in the metadata; see the module's text for the scopes."""

    enable: bool | Mapping[str, bool] = _setting(
        "enable", kinds.flag_or_map(), True,
        "Off means that the model is asked nothing at all. Per language: `{\"*\": true, \"markdown\": false}`.",
    )  # fmt: skip
    mode: str = _setting(
        "mode", kinds.choice(*MODES), "speedy",
        "How completions are decoded: draft fast and repair, draft carefully, choose by the time that is left, or left "
        "to right.",
    )  # fmt: skip
    eagerness: float = _setting(
        "eagerness", kinds.number(0, 1), 0.4,
        "How unsure a proposal may be. A line is proposed as far as it is right with a probability of at least "
        "1 - eagerness, the surest part first; 1 shows whole lines, however doubtful, 0 next to nothing.",
    )  # fmt: skip
    max_lines: int = _setting("maxLines", kinds.whole(1, 100), 8, "The most lines a proposal may have.")
    deadline_ms: int = _setting(
        "deadlineMs", kinds.whole(0, 60_000), 2000,
        "Milliseconds after which the best text so far is taken; 0 waits until it is finished.",
    )  # fmt: skip
    debounce_ms: int = _setting(
        "debounceMs", kinds.whole(0, 5000), 0,
        "Milliseconds without a keystroke before the model is asked; 0 waits only while you type faster than it "
        "answers.",
    )  # fmt: skip
    trigger: str = _setting(
        "trigger", kinds.choice("auto", "manual"), "auto",
        "Whether proposals come while you type, or only when you invoke them. What is known to follow from a renaming "
        "comes in any case (`nextEdit.enable`).",
    )  # fmt: skip
    disabled_in: tuple[str, ...] = _setting(
        "disabledIn",
        kinds.list_of(kinds.choice(*_PLACES), "a list of " + ", ".join(f"`{place}`" for place in _PLACES)),
        ("comment", "prose"),
        "Where no proposals come by themselves. `prose` is what Markdown, commit messages and the like hold "
        "besides code.",
    )  # fmt: skip
    exclude: tuple[str, ...] = _setting(
        "exclude", kinds.list_of(kinds.text(), "a list of globs as in .gitignore"), (),
        "Files that are never completed and never read as context, in addition to the built-in ones (`.env`, keys, "
        "generated and minified files …).",
    )  # fmt: skip
    open_files: bool = _setting(
        "context.openFiles",
        kinds.flag(),
        True,
        "Read the lines of other open files that resemble the code at the cursor, and those that define a name which "
        "begins as the one you write.",
    )
    imports: bool = _setting(
        "context.imports",
        kinds.flag(),
        True,
        "Read the signatures of what is named near the cursor, from imported files that are open.",
    )
    recent_edits: bool = _setting(
        "context.recentEdits",
        kinds.flag(),
        True,
        "Read the last edit in other files, if something in it is named near the cursor.",
    )
    context_tokens: int = _setting(
        "context.tokens",
        kinds.whole(0, 4096),
        512,
        "The most tokens of other files it reads, besides a few lines that define names; with 0 it reads nothing.",
    )
    fix: bool = _setting("fix.enable", kinds.flag(), True, "Offer quick fixes and rewrites as code actions.")
    max_distance: int = _setting(
        "fix.maxDistance",
        kinds.whole(1, 1000),
        64,
        "The most characters a fix may change; larger ones are not proposed.",
    )
    next_edit: bool = _setting(
        "nextEdit.enable", kinds.flag(), True,
        "Propose what follows from your edits: to change the uses of a name that you have renamed where it is defined, "
        "and the next use of a name that you have changed elsewhere.",
    )  # fmt: skip
    stats: bool = _setting(
        "stats", kinds.flag(), True,
        "Count what becomes of proposals, for `redraft stats`: numbers by day and language in a file of this machine, "
        "never any text or name.",
    )  # fmt: skip
    trace: bool = _setting(
        "trace", kinds.flag(), False,
        "Write one line per request to the editor's log: what was asked, how long it took, why nothing was shown. "
        "Never any of your text.",
    )  # fmt: skip
    model: str = _setting(
        "model", kinds.text(), "",
        "A model's name, or the absolute path of its folder; empty is the one that comes with redraft.",
        scope="machine",
    )  # fmt: skip
    backend: str = _setting("backend", kinds.choice(*BACKENDS), "auto", "What runs the model.", scope="machine")
    device: str = _setting(
        "device", kinds.text(), "auto", "The device that the backend runs on, by its own name for it.", scope="machine"
    )
    dtype: str = _setting(
        "dtype",
        kinds.choice(*DTYPES),
        "auto",
        "What the weights of a large model are held as; `int8` needs half the memory of `bfloat16`.",
        scope="machine",
    )
    threads: int = _setting(
        "threads", kinds.whole(0, THREADS_MOST), 0,
        "Cores the model may use; 0 is up to four, one less than there are.",
        scope="machine",
    )  # fmt: skip
    remote_url: str = _setting(
        "remote.url", kinds.url(), "",
        "Base address of a server that is asked first, such as `http://127.0.0.1:30000/v1`; empty asks no other "
        "machine. The code around the cursor is sent there.",
        scope="machine",
    )  # fmt: skip
    remote_kind: str = _setting(
        "remote.kind", kinds.choice(*REMOTE_KINDS), "completions", "What that server speaks.", scope="machine"
    )
    remote_model: str = _setting("remote.model", kinds.text(), "", "The model's name on that server.", scope="machine")
    remote_proxy: str = _setting(
        "remote.proxy", kinds.url(), "", "A proxy to reach that server by; those of the environment are not used.",
        scope="machine",
    )  # fmt: skip

    def enabled(self, language: str) -> bool:
        """Whether anything may be asked about files of this language."""
        if isinstance(self.enable, Mapping):
            return self.enable.get(language, self.enable.get("*", True))
        return self.enable

    @property
    def off(self) -> bool:
        """Whether nothing at all may be asked."""
        if isinstance(self.enable, Mapping):
            return not self.enable.get("*", True) and not any(self.enable.values())
        return not self.enable

    @property
    def preferences(self) -> Preferences:
        """The user's decisions in the terms of `infill`."""
        from infill.complete import Preferences

        return Preferences(
            mode=self.mode,
            eagerness=self.eagerness,
            max_lines=self.max_lines,
            deadline=self.deadline_ms / 1000 or None,
            disabled_in=frozenset(self.disabled_in),
            exclude=self.exclude,
            open_files=self.open_files,
            imports=self.imports,
            recent_edits=self.recent_edits,
            context_tokens=self.context_tokens,
            max_distance=self.max_distance,
        )


BY_NAME: Mapping[str, Field[Any]] = {one.metadata["name"]: one for one in fields(Settings)}
"""Every setting, by its name on the wire."""


def section(sent: Any) -> dict[str, Any] | None:
    """Our part of a client's configuration, by wire name: `{"redraft": {…}}` or the bare object, nested or dotted.

    None when there is nothing for us in it (`null`, another tool's settings). Names of no setting are left out, except
    misspelt ones that must be meant for us: `read` complains about those.
    """
    if not isinstance(sent, dict):
        return None
    if SECTION in sent:
        return _flat(sent[SECTION], misspelt=True) if isinstance(sent[SECTION], dict) else None
    dotted = {name.removeprefix(SECTION + "."): value for name, value in sent.items() if name.startswith(SECTION + ".")}
    found = _flat(dotted, misspelt=True) if dotted else _flat(sent)
    return found or None


def default(name: str) -> Any:
    """What a setting is if nobody says otherwise."""
    return BY_NAME[name].default


def only_window(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only the machine's owner may choose (see the module's text)."""
    machine = {name for name, one in BY_NAME.items() if one.metadata["scope"] == "machine"}
    return {name: value for name, value in values.items() if name not in machine}


def read(
    values: Mapping[str, Any], folders: Iterable[str] = (), pinned: Mapping[str, Any] | None = None
) -> tuple[Settings, list[str]]:
    """Settings from wire names to values, and one sentence for each value that was replaced by its default.

    folders: absolute paths of the opened folders; no model is loaded from inside them. pinned: what the command line
    says, which outweighs `values`; raises ValueError when it is not valid.
    """
    good: dict[str, Any] = {}
    complaints: list[str] = []
    for name, value in values.items():
        if name not in BY_NAME:
            meant = _meant(name)
            complaints.append(
                f"`{SECTION}.{name}` is no setting; did you mean `{SECTION}.{meant}`?"
                if meant
                else f"`{SECTION}.{name}` must be an object of settings; using their defaults."
            )
            continue
        one = BY_NAME[name]
        kind: kinds.Kind = one.metadata["kind"]
        try:
            good[one.name] = kind.read(value)
        except ValueError:
            default = json.dumps(one.default)
            shown = "" if kind.secret else f", not {json.dumps(value, default=str, ensure_ascii=False)[:40]}"
            complaints.append(f"`{SECTION}.{name}` must be {kind.words}{shown}; using {default}.")
    if (objection := _objection(good.get("model", ""), folders)) is not None:
        complaints.append(f"`{SECTION}.model` {objection}; using the model that comes with redraft.")
        del good["model"]
    for name, value in (pinned or {}).items():
        good[BY_NAME[name].name] = BY_NAME[name].metadata["kind"].read(value)
    return Settings(**good), complaints


def _objection(model: str, folders: Iterable[str]) -> str | None:
    """Why a model must not be loaded from where its setting says, or None."""
    if not model:
        return None
    if not re.search(r"[/\\:]", model):
        from engine.checkpoint import embedded

        # Any other bare name would be looked for in the working directory.
        return None if model in embedded() else "is neither an absolute path nor a model's name"
    place = model.removeprefix("scripted:")
    if place.startswith(("//", "\\\\")) or "://" in place:
        return "names a place on the network"
    if not (PurePosixPath(place).is_absolute() or PureWindowsPath(place).is_absolute() or place.startswith("~")):
        return "is a relative path"
    try:
        resolved = Path(place).expanduser().resolve()
    except (RuntimeError, ValueError, OSError):
        return "names no folder"
    if any(resolved.is_relative_to(Path(folder).resolve()) for folder in folders):
        return "lies in an opened folder"
    return None


def _flat(sent: Mapping[str, Any], prefix: str = "", *, misspelt: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in sent.items():
        name = f"{prefix}{key}"
        if value is None:
            continue
        if isinstance(value, dict) and name not in BY_NAME:
            found |= _flat(value, name + ".", misspelt=misspelt)
        elif _is_ours(name) or (misspelt and _meant(name)):
            found[name] = value
    return found


def _is_ours(name: str) -> bool:
    """Whether it is a setting, or a group of them."""
    return any(known == name or known.startswith(name + ".") for known in BY_NAME)


def _meant(name: str) -> str:
    """The setting that an unknown name must mean (misspelt, capitalized otherwise, or without its group), else an empty
    text."""
    if _is_ours(name) or len(name) > 2 * max(map(len, BY_NAME)):
        return ""

    def plain(text: str) -> str:
        return re.sub(r"[^a-z.]", "", text.lower())

    by_end = {plain(known.rpartition(".")[2]): known for known in BY_NAME}
    every = by_end | {plain(known): known for known in BY_NAME}
    near = difflib.get_close_matches(plain(name), every, n=1, cutoff=0.8)
    return every[near[0]] if near else ""


# ---- documentation


def markdown() -> str:
    """The settings as a Markdown table."""
    rows = ["| setting | default | may be | what it does |", "|---|---|---|---|"]
    for name, one in BY_NAME.items():
        meaning = one.metadata["description"] + (" *Machine.*" if one.metadata["scope"] == "machine" else "")
        kind = one.metadata["kind"].words.replace("|", "\\|")
        rows.append(f"| `{SECTION}.{name}` | `{json.dumps(one.default)}` | {kind} | {meaning} |")
    return "\n".join(rows)


def schema() -> dict[str, Any]:
    """The settings as JSON schema, in the form of VS Code's `contributes.configuration`."""
    properties = {
        f"{SECTION}.{name}": {
            **one.metadata["kind"].schema,
            "default": one.default,
            "scope": one.metadata["scope"],
            "markdownDescription": one.metadata["description"],
        }
        for name, one in BY_NAME.items()
    }
    return {"title": SECTION, "type": "object", "properties": properties}


def updated(page: str) -> str:
    """A page with the table between its two marks renewed; a page without them comes back as it is."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    return f"{head}{begin}\n{markdown()}\n{end}{tail}" if begin and end else page


def contributed(manifest: str) -> str:
    """A VS Code extension's package.json with its first group of settings, and the names of those that an untrusted
    folder must not set, renewed."""
    extension = json.loads(manifest)
    groups = extension["contributes"]["configuration"]
    groups[0] = schema()
    described = {name: one for group in groups for name, one in group["properties"].items()}
    extension["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = sorted(
        name for name, one in described.items() if one["scope"] == "machine"
    )
    return json.dumps(extension, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Print the table or the schema, or renew the table in a page, the settings in an extension's package.json."""
    match arguments:
        case ["--markdown"]:
            print(markdown())
        case ["--schema"]:
            print(json.dumps(schema(), indent=2, ensure_ascii=False))
        case ["--update", name]:
            page = Path(name).read_text(encoding="utf-8")
            renewed = contributed(page) if name.endswith(".json") else updated(page)
            Path(name).write_text(renewed, encoding="utf-8", newline="\n")
        case _:
            print("usage: python -m lsp_server.settings --markdown | --schema | --update FILE", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
