#!/bin/sh
# Install tvradar as services, in two slots: the new version is made whole beside the old one, then
# one rename changes over. Whenever the power goes, the machine boots the old version or the new.
set -eu
umask 022

usage() {
    cat <<'END'
usage: install.sh install [--from FOLDER] [--models FOLDER] [--python PYTHON]
       install.sh rollback | status | uninstall [--purge]

install    make the other slot from FOLDER and change over; the first install as well as an upgrade
           --from     a source tree (default: the one this script is in), or what `make deb` packs
                      (systemd/ docs/ tools/ wheels/), which needs no network
           --models   a folder with the cache of models, for a machine without a network
           --python   the interpreter (default: /usr/bin/python3)
rollback   change back to the slot before
status     tell what is installed
uninstall  remove software and units; --purge: galleries, state and configuration too

Where systemd does not run (a chroot, an image being made) the services are not started.
Exit codes: 0 done, 1 the new version did not start and the old one is back, 2 wrong use,
3 something needed is missing.
END
}

fail() { # fail CODE MESSAGE...
    code=$1
    shift
    echo "install.sh: $*" >&2
    exit "$code"
}

from=$(dirname "$(dirname "$(readlink -f "$0")")")
models=
python=/usr/bin/python3
purge=
action=${1:-}
[ $# -gt 0 ] && shift
while [ $# -gt 0 ]; do
    case $1 in
    --from | --models | --python)
        [ $# -ge 2 ] || fail 2 "$1: no value, expected one"
        case $1 in
        --from) from=$(readlink -f "$2") ;;
        --models) models=$(readlink -f "$2") ;;
        --python) python=$2 ;;
        esac
        shift 2
        ;;
    --purge) purge=yes && shift ;;
    *) usage >&2 && exit 2 ;;
    esac
done

opt=/opt/tvradar
etc=/etc/tvradar
units=/etc/systemd/system
live() { [ -d /run/systemd/system ]; }
slot_of() { basename "$(readlink "$opt/$1" 2>/dev/null)" 2>/dev/null || true; }

settle() { # what is written before is on the disk when this returns
    sync -f "$opt"
}

point() { # point LINK SLOT: by rename, so that the link is always there and whole
    ln -sfn "slots/$2" "$opt/$1.new"
    mv -T "$opt/$1.new" "$opt/$1"
}

change_over() { # change_over SLOT
    leaving=$(slot_of current)
    if [ -n "$leaving" ] && [ "$leaving" != "$1" ]; then
        point previous "$leaving"
    fi
    settle
    point current "$1"
    settle
}

make_slot() { # make_slot SLOT: whole when its `complete` is there, which is written last
    slot=$opt/slots/$1
    rm -f "$slot/complete"
    [ ! -d "$slot" ] || settle
    rm -rf "$slot"
    mkdir -p "$opt/slots"
    # On a Jetson TensorRT and jetson-utils belong to the system's Python.
    site=
    [ ! -e "/etc/nv_tegra_release" ] || site=--system-site-packages
    "$python" -m venv $site "$slot"
    if [ -d "$from/wheels" ]; then
        "$slot/bin/python" -m pip install --quiet --no-compile --no-index --find-links "$from/wheels" tvradar
    elif [ -f "$from/pyproject.toml" ]; then
        "$slot/bin/python" -m pip install --quiet --no-compile --constraint "$from/constraints.txt" "$from"
    else
        fail 2 "$from: no wheels/ and no source tree in it, expected either; name one with --from"
    fi
    mkdir -p "$slot/share"
    cp -R "$from/systemd" "$from/docs" "$slot/share/"
    cp "$from/tools/install.sh" "$slot/share/"
    if [ -n "$models" ]; then
        mkdir -p "$slot/cache"
        cp -R "$models/." "$slot/cache/"
    fi
    TVRADAR_CACHE=$slot/cache "$slot/bin/tvradar" engines fetch --prepare
    "$slot/bin/python" -m compileall -q -j 0 "$slot/lib" || true
    chmod -R a+rX "$slot"
    "$slot/bin/python" -c 'import edge.device.app, edge.cli.channel'
    settle
    touch "$slot/complete"
    settle
}

place_units() { # they lead to the current slot, so that a change-over takes its units along
    mkdir -p "$units/multi-user.target.wants" "$units/tvradar.target.wants" "$etc" \
        /usr/local/bin
    for unit in "$opt/current/share/systemd"/*.service "$opt/current/share/systemd"/*.target; do
        name=$(basename "$unit")
        ln -sfn "/opt/tvradar/current/share/systemd/$name" "$units/$name"
        case $name in
        *.service) ln -sfn "../$name" "$units/tvradar.target.wants/$name" ;;
        *.target) ln -sfn "../$name" "$units/multi-user.target.wants/$name" ;;
        esac
    done
    version=$(systemctl --version 2>/dev/null | sed -n '1s/systemd \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge 254 ]; then
        mkdir -p "$units/tvradar.service.d"
        ln -sfn /opt/tvradar/current/share/systemd/backoff.conf "$units/tvradar.service.d/backoff.conf"
    fi
    ln -sfn /opt/tvradar/current/bin/tvradar "/usr/local/bin/tvradar"
    [ -e "$etc/tvradar.toml" ] || {
        cp "$opt/current/share/systemd/tvradar.toml" "$etc/tvradar.toml.new"
        mv "$etc/tvradar.toml.new" "$etc/tvradar.toml"
    }
    systemd-sysusers "$opt/current/share/systemd/tvradar.sysusers.conf"
    systemd-tmpfiles --create "$opt/current/share/systemd/tvradar.tmpfiles.conf"
}

start() { # 0 when what runs now says that it is ready, or waits for its gallery or its source
    live || return 0
    systemctl daemon-reload
    systemctl restart tvradar.target
    timeout 90 systemctl restart tvradar.service
    systemctl is-active --quiet tvradar.service
}

install() {
    [ "$(id -u)" = 0 ] || fail 3 "not root, expected root; run it with sudo"
    command -v "$python" >/dev/null || fail 3 "$python: not found; apt-get install python3 python3-venv"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail 3 "$python: no venv; apt-get install python3-venv"
    case $(readlink -f "$("$python" -c 'import sys; print(sys.executable)')") in
    /root/* | /home/*) fail 3 "$python: lies in a home, which the services cannot see; name another one with --python" ;;
    esac
    mkdir -p "$opt"
    exec 9>"$opt/lock"
    flock -n 9 || fail 1 "another install.sh is at work; wait for it"
    old=$(slot_of current)
    new=a
    [ "$old" != a ] || new=b
    echo "making slot $new from $from"
    make_slot "$new"
    change_over "$new"
    place_units
    if start; then
        echo "tvradar $("$opt/current/bin/tvradar" --version | cut -d' ' -f2) is installed, slot $new"
    elif [ -n "$old" ] && [ -e "$opt/slots/$old/complete" ]; then
        change_over "$old"
        start || true
        fail 1 "the new version did not start, slot $old runs again; see: journalctl -u tvradar"
    else
        fail 1 "the services did not start; see: journalctl -u tvradar"
    fi
}

rollback() {
    old=$(slot_of previous)
    [ -n "$old" ] && [ -e "$opt/slots/$old/complete" ] || fail 3 "no other whole slot to go back to"
    change_over "$old"
    place_units
    start || fail 1 "slot $old did not start; see: journalctl -u tvradar"
    echo "slot $old runs again"
}

status() {
    [ -n "$(slot_of current)" ] || fail 3 "not installed; run: install.sh install"
    for slot in a b; do
        [ -d "$opt/slots/$slot" ] || continue
        state=unfinished
        [ ! -e "$opt/slots/$slot/complete" ] || state=$("$opt/slots/$slot/bin/tvradar" --version | cut -d' ' -f2)
        mark=
        [ "$(slot_of current)" != "$slot" ] || mark=" (current)"
        echo "slot $slot: $state$mark"
    done
}

uninstall() {
    if live; then
        systemctl stop tvradar.target tvradar.service tvradar-sync.service 2>/dev/null || true
    fi
    rm -f "$units"/tvradar*.service "$units/tvradar.target" "/usr/local/bin/tvradar" \
        "$units/multi-user.target.wants/tvradar.target"
    rm -rf "$units/tvradar.target.wants" "$units/tvradar.service.d"
    ! live || systemctl daemon-reload
    rm -rf "$opt"
    [ -z "$purge" ] || rm -rf "$etc" "/var/lib/tvradar" "/var/lib/tvradar-sync"
    echo "removed${purge:+, with configuration, galleries and state}"
}

case $action in
install | rollback | status | uninstall) "$action" ;;
help | --help | -h) usage ;;
*) usage >&2 && exit 2 ;;
esac
