#!/usr/bin/env bash
# Installs a .deb in a Debian tree of its own, looks at it, removes and purges it. Run it as root.
#
#   bash packaging/debian/try.sh PACKAGE.deb [FOLDER]
set -euo pipefail
package=$(realpath "$1")
tree=${2:-$(mktemp -d)}
mirror=${DEBIAN_MIRROR:-$(grep -rhoE '^(URIs:|deb) +[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | awk '{print $2}' | grep -E '/debian/?$' | head -1 || true)}
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; }
[ -e "$tree/etc/debian_version" ] ||
    debootstrap --variant=minbase --include=ca-certificates,systemd,man-db "$release" "$tree" "${mirror:-http://deb.debian.org/debian}" >/dev/null
mountpoint -q "$tree/proc" || mount --bind /proc "$tree/proc"
trap 'umount "$tree/proc"' EXIT
within() { chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }

cp "$package" "$tree/tmp/repilot.deb"
within dpkg -i /tmp/repilot.deb
within repilot --version
within systemd-analyze verify /usr/lib/systemd/system/repilot-worker.service /usr/lib/systemd/system/repilot-dashboard.service
within man -w repilot repilot-worker repilot-dashboard
within test -s /usr/share/bash-completion/completions/repilot
[ "$(within stat -c '%a %U' /etc/repilot /etc/repilot/repilot.toml /var/lib/repilot | tr '\n' ' ')" = "700 root 600 root 700 repilot " ]
cp -r "$(dirname "$package")/../../examples" "$tree/tmp/" 2>/dev/null || true
within setpriv --reuid=repilot --regid=repilot --clear-groups env HOME=/var/lib/repilot repilot plan /usr/share/doc/repilot/examples/devices.csv --simulate | tail -3
# What a person changed is kept by an upgrade.
echo '# mine' >>"$tree/etc/repilot/repilot.toml"
within dpkg -i /tmp/repilot.deb
tail -1 "$tree/etc/repilot/repilot.toml" | grep -q mine
touch "$tree/etc/repilot/graph_secret"
within dpkg -r repilot
! within sh -c 'command -v repilot'
[ -e "$tree/etc/repilot/repilot.toml" ]
within dpkg -P repilot
[ ! -e "$tree/etc/repilot/repilot.toml" ] && [ -e "$tree/etc/repilot/graph_secret" ] && [ -e "$tree/var/lib/repilot" ]
rm -r "$tree/var/lib/repilot" "$tree/etc/repilot"
within dpkg -i /tmp/repilot.deb
within dpkg -P repilot
[ ! -e "$tree/etc/repilot" ] && [ ! -e "$tree/var/lib/repilot" ]
! within getent passwd repilot
echo "installed, upgraded, removed and purged"
