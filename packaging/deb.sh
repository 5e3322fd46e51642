#!/usr/bin/env bash
# Makes target/packages/repilot_VERSION_ARCHITECTURE.deb of a program that is built.
#
#   bash packaging/deb.sh [PROGRAM]      target/release/repilot unless named
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${1:-target/release/repilot}")
version=$("$program" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -D -m 755 "$program" "$root/usr/bin/repilot"
strip --strip-unneeded "$root/usr/bin/repilot"
bash packaging/documents.sh "$program" "$root/usr/share"
mkdir -p "$root/usr/share/doc/repilot/examples"
install -m 644 README.md SECURITY.md LICENSE-MIT LICENSE-APACHE config/default.toml "$root/usr/share/doc/repilot/"
cp -r docs "$root/usr/share/doc/repilot/docs"
install -m 644 examples/*.* "$root/usr/share/doc/repilot/examples/"
for unit in config/systemd/*.service; do
    mkdir -p "$root/usr/lib/systemd/system"
    # The package has a user of its own, whom people can become.
    sed -e 's#/usr/local/bin/#/usr/bin/#' -e '/^DynamicUser=yes$/d' "$unit" >"$root/usr/lib/systemd/system/${unit##*/}"
done
install -D -m 644 packaging/debian/sysusers.conf "$root/usr/lib/sysusers.d/repilot.conf"
install -D -m 600 packaging/debian/repilot.toml "$root/etc/repilot/repilot.toml"
chmod 700 "$root/etc/repilot"
chmod -R u+rwX,go+rX "$root/usr"

mkdir "$root/DEBIAN"
install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$root/DEBIAN/"
echo /etc/repilot/repilot.toml >"$root/DEBIAN/conffiles"
# The libc that the program was linked with is the least that it needs.
libc=$(objdump -T "$root/usr/bin/repilot" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -1 | cut -d_ -f2)
cat >"$root/DEBIAN/control" <<CONTROL
Package: repilot
Version: $version
Architecture: $architecture
Maintainer: The Repilot authors <repilot@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6 (>= $libc), libgcc-s1, ca-certificates
Recommends: systemd (>= 251)
Section: admin
Priority: optional
Description: mass campaigns over Windows Autopilot devices
 Unassigns users from thousands of Windows Autopilot devices through Microsoft
 Graph, or gives each device to a new user, under Graph's throttling and with
 every device accounted for. With units of systemd for a worker and a dashboard.
CONTROL
mkdir -p target/packages
out=target/packages/repilot_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$out" >/dev/null
echo "$out"
