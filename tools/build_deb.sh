#!/bin/sh
# Build tvradar_VERSION_ARCH.deb: wheels of everything, models, units and the installer, so that a
# device needs no network. It installs into slots by tools/install.sh, as a source tree does.
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist}
python=${PYTHON:-/usr/bin/python3}
command -v dpkg-deb >/dev/null || { echo "build_deb.sh: dpkg-deb not found, expected a Debian or Ubuntu; apt-get install dpkg" >&2; exit 3; }

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
share=$stage/tree/usr/share/tvradar
mkdir -p "$share/tools" "$share/docs" "$stage/tree/DEBIAN" "$out"

"$python" -m venv "$stage/venv"
"$stage/venv/bin/python" -m pip wheel --quiet --constraint constraints.txt --wheel-dir "$share/wheels" .
"$stage/venv/bin/python" -m pip install --quiet --no-compile --no-index --find-links "$share/wheels" tvradar
TVRADAR_CACHE=$share/cache "$stage/venv/bin/tvradar" engines fetch
rm -rf "$share/cache/sources" # what the models were folded from
cp -R systemd "$share/"
cp docs/*.md "$share/docs/"
cp tools/install.sh "$share/tools/"

version=$("$stage/venv/bin/tvradar" --version | cut -d' ' -f2)
arch=$(dpkg --print-architecture)
this=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
cat >"$stage/tree/DEBIAN/control" <<END
Package: tvradar
Version: $version
Architecture: $arch
Maintainer: The tvradar developers
Depends: python3 (>= $this), python3 (<< $next~), python3-venv, systemd, libgomp1
Section: video
Priority: optional
Description: press a button on the remote; the TV says who is on screen
 The recogniser and the updater of galleries as services. The configuration is
 /etc/tvradar/tvradar.toml, the manual /usr/share/tvradar/docs/field.md.
END
cat >"$stage/tree/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" != configure ] || /usr/share/tvradar/tools/install.sh install --models /usr/share/tvradar/cache
END
cat >"$stage/tree/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
[ "$1" != remove ] || /usr/share/tvradar/tools/install.sh uninstall
END
cat >"$stage/tree/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
[ "$1" != purge ] || rm -rf /etc/tvradar /var/lib/tvradar /var/lib/tvradar-sync
END
chmod 755 "$stage/tree/DEBIAN/postinst" "$stage/tree/DEBIAN/prerm" "$stage/tree/DEBIAN/postrm"
chmod -R go+rX,go-w "$stage/tree"
# The wheels are compressed already.
dpkg-deb --root-owner-group -Zgzip -z1 --build "$stage/tree" "$out/tvradar_${version}_$arch.deb"
