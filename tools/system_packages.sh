#!/bin/sh
# Makes sure that the system has what pip cannot install: system_packages.sh PYTHON venv|test
# As root, missing packages are installed with apt; otherwise they are named.
set -eu
python=$1
want=$2

missing=""
PATH=$PATH:/usr/sbin
need() { # need PACKAGE COMMAND...: the package is missing when the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has_command() { command -v "$1"; }

case $want in
venv)
    command -v "$python" >/dev/null 2>&1 || { echo "$python: not found; install python3 (3.10 to 3.13)" >&2; exit 3; }
    "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || {
        echo "$("$python" -V): not supported, expected Python 3.10 to 3.13; name another one: make PYTHON=python3.12" >&2
        exit 3
    }
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    need "python$version-venv" "$python" -c 'import ensurepip, venv'
    ;;
test)
    need chromium-headless-shell has_command chromium-headless-shell
    need mosquitto has_command mosquitto
    need strace has_command strace
    need systemd-container has_command systemd-nspawn
    need libatomic1 sh -c 'ldconfig -p | grep -q libatomic.so.1' # Playwright's driver
    need python3-gi sh -c '/usr/bin/python3 -c "import gi"'
    need gir1.2-gst-rtsp-server-1.0 test -e /usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib
    need gir1.2-gst-plugins-base-1.0 test -e /usr/lib/*/girepository-1.0/GstApp-1.0.typelib
    for plugins in base good bad; do
        need "gstreamer1.0-plugins-$plugins" dpkg -s "gstreamer1.0-plugins-$plugins"
    done
    for part in tools python3-plugin-loader; do
        need "gstreamer1.0-$part" dpkg -s "gstreamer1.0-$part"
    done
    need gstreamer1.0-libav dpkg -s gstreamer1.0-libav
    need gstreamer1.0-x dpkg -s gstreamer1.0-x # names on a screen
    need xvfb has_command Xvfb
    need fonts-noto-cjk sh -c 'fc-list | grep -qi "noto sans cjk"'
    ;;
*)
    echo "usage: $0 PYTHON venv|test" >&2
    exit 2
    ;;
esac

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing with apt"
    export DEBIAN_FRONTEND=noninteractive
    # Unless a caller has just done it.
    lists=/var/lib/apt/lists
    [ -n "$(find $lists -maxdepth 0 -mmin -10 2>/dev/null)" ] && ls $lists/*Packages* >/dev/null 2>&1 ||
        apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "missing system packages:$missing" >&2
    echo "run: sudo apt-get install$missing" >&2
    exit 3
fi
