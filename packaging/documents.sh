#!/usr/bin/env bash
# Writes what shells and `man` read: documents.sh PROGRAM FOLDER, whose layout is that of /usr/share.
set -euo pipefail
program=$1 share=$2
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
"$program" man-pages "$share/man/man1"
gzip -9n "$share"/man/man1/*.1
"$program" completions bash >"$share/bash-completion/completions/repilot"
"$program" completions zsh >"$share/zsh/vendor-completions/_repilot"
"$program" completions fish >"$share/fish/vendor_completions.d/repilot.fish"
