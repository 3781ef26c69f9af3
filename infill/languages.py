"""One row per language: its grammar, its comment sign, its block style, its queries. Of others the signs of comments
and texts, the style and names of files are all that is known."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal

import tree_sitter

Block = Literal["indent", "braces", "words", "none"]


@dataclass(frozen=True, slots=True)
class Language:
    """What the text side knows of a language.

    id: the LSP language id. grammar: module of the grammar's wheel, empty for plain text. entry: the function there
    that returns the grammar. queries: the file in `infill/queries` without its ending. block: what a block is made of:
    lines that are deeper than a head, braces, words such as `do` and `end`, or nothing that a line's end would tell of.
    """

    id: str
    grammar: str = ""
    entry: str = "language"
    queries: str = ""
    line_comment: str = ""
    block: Block = "indent"
    extensions: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """What languages that are written alike have in common."""
        script = ("javascript", "typescript")
        return "script" if self.queries in script else "c" if self.queries in ("c", "cpp") else self.queries or self.id

    @property
    def prose(self) -> bool:
        """Whether a file holds words for people rather than code."""
        return self.id.lower() in _WORDS

    @property
    def block_comments(self) -> tuple[tuple[str, str], ...]:
        """What opens and what closes comments of several lines. Where `#` begins one, `/*` is a pattern of file names
        but for a few languages."""
        own = _COMMENTS_OF.get(self.id.lower(), ())
        return own if self.line_comment == "#" else (*own, ("/*", "*/"), ("<!--", "-->"))

    @property
    def quotes(self) -> str:
        """The characters that texts stand between."""
        return _QUOTES_OF.get(self.id.lower(), "\"'`")

    def is_remark(self, line: str) -> bool:
        """Whether a line is a remark as a whole, by how it begins."""
        begun, sign, whole = line.lstrip(), self.line_comment, _WHOLE_OF.get(self.id)
        if sign and begun.startswith(sign):
            return not begun.startswith(PRAGMAS)
        return whole is not None and whole.match(line) is not None

    def is_apostrophe(self, before: str) -> bool:
        """Whether a `'` behind this character is of the word or operand that ends there. Grammars know better."""
        if self.grammar or not self.id or self.id.lower() in _PREFIXED:
            return False
        return before.isalnum() or (self.id.lower() in _POSTFIX and before.endswith((")", "]", "}", ".")))


_ROWS = (
    Language("python", "tree_sitter_python", queries="python", line_comment="#", extensions=(".py", ".pyi", ".pyw")),
    Language(
        "javascript", "tree_sitter_javascript", queries="javascript", line_comment="//", block="braces",
        extensions=(".js", ".mjs", ".cjs"),
    ),
    Language(
        "javascriptreact", "tree_sitter_javascript", queries="javascript", line_comment="//", block="braces",
        extensions=(".jsx",),
    ),
    Language(
        "typescript", "tree_sitter_typescript", "language_typescript", "typescript", "//", "braces",
        (".ts", ".mts", ".cts"),
    ),
    Language("typescriptreact", "tree_sitter_typescript", "language_tsx", "typescript", "//", "braces", (".tsx",)),
    Language("go", "tree_sitter_go", queries="go", line_comment="//", block="braces", extensions=(".go",)),
    Language("rust", "tree_sitter_rust", queries="rust", line_comment="//", block="braces", extensions=(".rs",)),
    Language("c", "tree_sitter_c", queries="c", line_comment="//", block="braces", extensions=(".c", ".h")),
    Language(
        "cpp", "tree_sitter_cpp", queries="cpp", line_comment="//", block="braces",
        extensions=(".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"),
    ),
    Language("java", "tree_sitter_java", queries="java", line_comment="//", block="braces", extensions=(".java",)),
)  # fmt: skip
KNOWN = tuple(row.id for row in _ROWS)
"""The LSP language ids of the rows."""
_ALIASES = {"tsx": "typescriptreact", "jsx": "javascriptreact", "c++": "cpp", "py": "python", "js": "javascript",
            "ts": "typescript", "golang": "go", "rs": "rust"}  # fmt: skip
_SIGNS = {
    "#": "ansible awk azure-pipelines bash cfg cmake codeowners coffeescript conf conf-toml conf-unix crystal csh "
    "docker-compose dockercompose dockerfile dotenv editorconfig elixir env fish gdscript git-attributes git-config "
    "git-ignore gitattributes gitconfig github-actions-workflow gitignore gnuplot graphql hcl helm i3config ignore "
    "jproperties jq julia just ksh m4 make makefile makefile-gmake meson mojo nginx nim nix nsis nu nushell octave "
    "opentofu perl perl6 po powershell properties ps1 puppet r raku rego robotframework ruby sh shellscript "
    "snakemake sshconfig starlark tcl tcsh terraform terraform-vars tmux toml yaml zsh",
    "//": "apex astro bicep chapel cs csharp cuda cuda-cpp d dart fsharp gleam glsl go.mod gomod groovy haxe hlsl "
    "html jade json5 jsonc jsonnet kdl kotlin less objc objcpp objective-c objective-cpp odin openscad pascal php "
    "prisma proto proto3 protobuf pug qml rescript sass scad scala scss shaderlab slint solidity stylus svelte swift "
    "systemverilog thrift typespec typst v vala verilog vue wgsl zig",
    "--": "ada agda applescript cabal eiffel elm haskell idris lean lean4 lua luau mysql pgsql plsql postgres "
    "purescript sql teal vhdl",
    "%": "erlang matlab prolog",
    ";": "asm autohotkey clojure commonlisp dosini dune emacs-lisp fennel ini lisp nasm racket scheme wat",
    "::": "bat dosbatch",
    "!": "fortran fortran_fixed-form FortranFixedForm FortranFreeForm",
    "'": "basic vb",
}
"""The LSP language ids, of all editors, of languages without a row whose remarks begin with each sign."""
_BLOCKS: dict[Block, str] = {
    "braces": "apex awk bicep cs csharp css cuda cuda-cpp d dart gleam glsl graphql groovy haxe hcl hlsl json json5 "
    "jsonc jsonnet kdl kotlin less nginx nix objc objcpp objective-c objective-cpp odin openscad opentofu perl perl6 "
    "php powershell prisma proto proto3 protobuf ps1 qml r raku rescript scad scss shaderlab slint solidity swift "
    "tcl terraform terraform-vars thrift typespec v vala wgsl zig",
    "words": "ada bash crystal elixir fish fortran fortran_fixed-form FortranFixedForm FortranFreeForm haskell julia "
    "ksh lua luau ocaml pascal ruby sh shellscript systemverilog verilog vhdl zsh",
    "none": "bat cfg clojure cmake codeowners commonlisp conf conf-toml conf-unix django-html dockerfile dosbatch "
    "dosini dotenv editorconfig emacs-lisp env erb eruby fennel git-attributes git-config git-ignore gitattributes "
    "gitconfig gitignore go.mod gomod handlebars html htmldjango ignore ini jinja jinja-html jproperties jsonl lisp "
    "mysql pgsql plsql po postgres properties racket razor robotframework sass scheme sql sshconfig stylus toml twig "
    "wat xml xsl",
}
"""The block style, likewise; of those that stand nowhere, `indent`, which knows the heads of the others as well."""
_COMMENTS = {
    ("/*", "*/"): "hcl nix opentofu terraform terraform-vars",
    ("<#", "#>"): "powershell ps1",
    ("#=", "=#"): "julia",
    ("=begin", "=end"): "raku ruby",
    ("=pod", "=cut"): "perl",
    ("=head1", "=cut"): "perl",
    ("#[[", "]]"): "cmake",
    ("#[=", "=]"): "cmake",
    ("--[[", "]]"): "lua luau",
    ("--[=", "=]"): "lua luau",
    ("{-", "-}"): "agda elm haskell idris purescript",
    ("(*", "*)"): "applescript fsharp ocaml pascal",
    ("#|", "|#"): "commonlisp lisp racket scheme",
}
"""What opens and closes comments of several lines in languages without a row, besides `/*` and `<!--`."""
PRAGMAS = ("{-#", "!$")
"""What begins like a comment and is for the compiler: `{-# LANGUAGE GADTs #-}`, `!$omp parallel do`."""
_WHOLE = {
    r'[ \t]*"': "vim viml",
    r"[ \t]*@?rem\b": "bat dosbatch",
    r"\*|c  ": "fortran fortran_fixed-form FortranFixedForm",
}
"""How lines begin, in small or capital letters, that are remarks as a whole; elsewhere the same is no sign."""
_QUOTES = {
    '"': "basic bat clojure commonlisp dosbatch emacs-lisp fennel fsharp lisp ocaml racket scheme systemverilog vb "
    "verilog",
}
"""The characters that texts stand between where `'` is another sign: before quoted code, a type, a number's base."""
_PREFIXED = frozenset(("dart", "mysql", "pgsql", "plsql", "postgres", "sql"))
"""Languages in which a letter may stand before a text in single quotes: `N'…'`, `r'…'`."""
_POSTFIX = frozenset(("ada", "julia", "matlab", "octave", "vhdl"))
"""Languages in which a `'` may follow any operand, one in brackets, too: `f(x)'`, `a.'`."""
_PROSE = (
    "asciidoc asciidoctor bib bibtex debchangelog gfm git-commit git-rebase gitcommit gitrebase help hgcommit "
    "jjdescription latex mail markdown mdx mediawiki org pandoc plaintex plaintext quarto restructuredtext rmd rst "
    "scminput svn tex text textile vimwiki"
)
"""The LSP language ids, of all editors, of words for people."""
_NAMES = {
    "ada": ".adb .ads", "asm": ".asm", "awk": ".awk", "bat": ".bat .cmd", "clojure": ".clj .cljs .edn",
    "cmake": "cmakelists.txt .cmake", "commonlisp": ".lisp", "crystal": ".cr", "csharp": ".cs", "css": ".css",
    "cuda-cpp": ".cu .cuh", "dart": ".dart", "dockerfile": "dockerfile containerfile .dockerfile", "elixir": ".ex .exs",
    "elm": ".elm", "emacs-lisp": ".el", "erlang": ".erl .hrl", "fish": ".fish",
    "fortran": ".f .f77 .f90 .f95 .f03 .f08 .for", "fsharp": ".fs .fsx", "git-commit": "commit_editmsg merge_msg",
    "glsl": ".glsl .frag .vert", "go.mod": "go.mod", "graphql": ".graphql .gql",
    "groovy": ".groovy .gradle jenkinsfile", "haskell": ".hs", "html": ".html .htm", "ini": ".ini .cfg",
    "json": ".json", "jsonc": ".jsonc", "julia": ".jl", "just": "justfile", "kotlin": ".kt .kts", "latex": ".tex",
    "less": ".less", "lua": ".lua", "makefile": "makefile gnumakefile .mk", "markdown": ".md .markdown",
    "meson": "meson.build", "nim": ".nim .nims", "nix": ".nix", "ocaml": ".ml .mli", "openscad": ".scad",
    "pascal": ".pas", "perl": ".pl .pm", "php": ".php", "plaintext": ".txt readme changelog license",
    "powershell": ".ps1 .psm1", "properties": ".properties", "proto": ".proto", "puppet": ".pp", "qml": ".qml",
    "r": ".r", "racket": ".rkt", "restructuredtext": ".rst", "robotframework": ".robot",
    "ruby": ".rb .rake gemfile rakefile", "scala": ".scala", "scheme": ".scm", "scss": ".scss",
    "shellscript": ".sh .bash .zsh .ksh", "solidity": ".sol", "sql": ".sql", "starlark": ".bzl build.bazel",
    "svelte": ".svelte", "swift": ".swift", "systemverilog": ".sv .svh", "tcl": ".tcl", "terraform": ".tf .hcl",
    "toml": ".toml", "vala": ".vala", "vb": ".vb", "vhdl": ".vhd .vhdl", "vue": ".vue", "xml": ".xml .svg",
    "yaml": ".yaml .yml", "zig": ".zig",
}  # fmt: skip
"""What files of languages without a row are called, in small letters: the name, or its end."""
SCRIPT_ENDING = re.compile(r"(?:\.d)?\.[cm]?[jt]sx?$")
"""Of a file that a script's import names whole; what else follows a dot is of the name, as in `cart.service`."""
_SIGN_OF = {key: sign for sign, keys in _SIGNS.items() for key in keys.split()}
_BLOCK_OF = {key: block for block, keys in _BLOCKS.items() for key in keys.split()}
_COMMENTS_OF = {
    key: tuple((opens, closes) for (opens, closes), ids in _COMMENTS.items() if key in ids.split())
    for key in " ".join(_COMMENTS.values()).split()
}
_QUOTES_OF = {key: quotes for quotes, keys in _QUOTES.items() for key in keys.split()}
_WHOLE_OF = {key: re.compile(begins, re.IGNORECASE) for begins, keys in _WHOLE.items() for key in keys.split()}
OTHERS = tuple(sorted(_SIGN_OF.keys() | _BLOCK_OF.keys() | _WHOLE_OF.keys()))
"""The LSP language ids, of all editors, of code of which less is known: no grammar."""
_WORDS = frozenset(_PROSE.split())
_LESS_KNOWN = _WORDS.union(OTHERS)
_BY_ID = {row.id: row for row in _ROWS}
_BY_NAME = {name: key for key, names in _NAMES.items() for name in names.split()}
_BY_NAME |= {extension: row.id for row in _ROWS for extension in row.extensions}


def language(language_id: str) -> Language:
    """The row of an LSP language id; a row without grammar for every id that is not in the table. Of an id in parts,
    as `yaml.docker-compose`, the last part that is known counts."""
    whole = language_id.lower()
    for part in (language_id, whole, *reversed(whole.split("."))):
        key = _ALIASES.get(part, part)
        if key in _BY_ID:
            return _BY_ID[key]
        if key in _LESS_KNOWN:
            return Language(key, line_comment=_SIGN_OF.get(key, ""), block=_BLOCK_OF.get(key, "indent"))
    return Language(language_id)


def language_of_path(path: str) -> str:
    """The LSP language id that a file name suggests; empty, which is code of some kind, when it suggests none."""
    name = PurePosixPath(path.replace("\\", "/").lower())
    return _BY_NAME.get(name.name) or _BY_NAME.get(name.suffix, "")


@cache
def grammar(row: Language) -> tree_sitter.Language | None:
    """The row's grammar, loaded once, or None for plain text."""
    if not row.grammar:
        return None
    return tree_sitter.Language(getattr(importlib.import_module(row.grammar), row.entry)())


@cache
def keywords(row: Language) -> frozenset[str]:
    """The words that the row's grammar reserves: its tokens that have no name and are spelt with letters."""
    loaded = grammar(row)
    if loaded is None:
        return frozenset()
    tokens = (at for at in range(1, loaded.node_kind_count) if not loaded.node_kind_is_named(at))
    kinds = (loaded.node_kind_for_id(at) for at in tokens if loaded.node_kind_is_visible(at))
    return frozenset(kind for kind in kinds if kind and kind.isalpha())


@cache
def query(row: Language, about: str = "") -> tree_sitter.Query | None:
    """The row's query, compiled once for its grammar, or None for plain text. about: the folder of other ones' files:
    `names`, `imports`."""
    loaded = grammar(row)
    if loaded is None:
        return None
    return tree_sitter.Query(loaded, _source(about, row.queries))


def _source(about: str, name: str) -> str:
    """A query's text, behind that of the one that its first line says it inherits."""
    text = resources.files("infill").joinpath("queries", about, f"{name}.scm").read_text(encoding="utf-8")
    inherits = re.match(r"; inherits: (\w+)\n", text)
    return _source(about, inherits[1]) + text if inherits else text
