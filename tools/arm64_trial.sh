#!/bin/bash
# Names faces under an emulated Arm64 and beside it on this machine: arm64_trial.sh DATA [TREE]
#
#   sudo tools/arm64_trial.sh ../shared/data /var/tmp/tvradar-arm64
#
# Makes a Debian 12 arm64 tree in TREE, runs `make setup` in it as on a device, names the scenes of
# DATA/sitcom and 1.5 s of DATA/concert's clip there and here, in INT8 and in FP32, with galleries
# that were made here in FP32, and enrols the people of the clip there. Prints a table in Markdown.
# Takes hours. Each answer is kept: started again, it goes on where it ended, and begins anew only
# where the code changed. Root, and: apt-get install debootstrap qemu-user-static. No Jetson:
# neither speed nor GPU.
set -euo pipefail
export QEMU_CPU=${QEMU_CPU:-cortex-a76} LC_ALL=C.UTF-8
[ $# -ge 1 ] || { sed -n '2,11s/^# \?//p' "$0" >&2; exit 2; }
data=$(realpath "$1")
tree=$(realpath -m "${2:-/var/tmp/tvradar-arm64}")
cd "$(dirname "$0")/.."
emulator=$(command -v qemu-aarch64-static || true)
home=$tree/root/tvradar
registered=

missing() { echo "$1: $2; $3" >&2; exit 3; }

check() {
    [ "$(id -u)" = 0 ] || missing "user $(id -un)" "cannot make a tree, expected root" "use sudo"
    [ -n "$emulator" ] || missing qemu-aarch64-static "not here" "apt-get install qemu-user-static"
    command -v debootstrap >/dev/null ||
        missing debootstrap "not here" "apt-get install debootstrap"
    [ -f "$data/concert/clip.mp4" ] && [ -d "$data/sitcom/scenes" ] ||
        missing "$data" "no concert/clip.mp4 and sitcom/scenes" "name the folder of the test data"
    [ -x .venv/bin/tvradar ] || missing .venv "no tvradar to compare with" "make setup"
}

bind_format() { # so that the kernel starts Arm programs by the emulator
    local formats=/proc/sys/fs/binfmt_misc
    [ -e $formats/status ] || mount -t binfmt_misc none $formats
    if [ ! -e $formats/qemu-aarch64 ]; then
        cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register
        registered=$formats/qemu-aarch64
    fi
}

mirror() { # the Debian mirror that apt uses here
    apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' |
        head -n 1 | grep . || missing apt "no source of Debian 12" "set MIRROR to one"
}

make_tree() {
    [ -e "$tree/.made" ] && return
    debootstrap --arch=arm64 --variant=minbase --include=python3,python3-venv,make,ca-certificates \
        bookworm "$tree" "${MIRROR:-$(mirror)}"
    touch "$tree/.made"
}

unmount() {
    for place in proc/cpuinfo proc sys dev; do
        if mountpoint -q "$tree/$place"; then umount -l "$tree/$place"; fi
    done
}

leave() {
    unmount
    [ -z "$registered" ] || echo -1 >"$registered"
}

mount_all() {
    unmount
    mount -t proc proc "$tree/proc"
    mount -t sysfs -o ro sysfs "$tree/sys"
    mount --bind /dev "$tree/dev"
    # Until version 8 the emulator shows the PC's processors, and ONNX Runtime 1.29 and later ends
    # in a segmentation fault at import (pytorch/cpuinfo, pull request 398): show Arm ones.
    if ! chroot "$tree" grep -q 'CPU implementer' /proc/cpuinfo; then
        for n in $(seq 0 $(($(nproc --all) - 1))); do
            printf 'processor\t: %d\nBogoMIPS\t: 100.00\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n' "$n"
            printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 1\n\n'
        done >"$tree/root/cpuinfo"
        mount --bind "$tree/root/cpuinfo" "$tree/proc/cpuinfo"
    fi
}

set_up() {
    cp /etc/resolv.conf /etc/hosts "$tree/etc/"
    mkdir -p "$tree/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
    mkdir -p "$home"
    git ls-files -z | tar --null --files-from - --create | tar --extract --directory "$home"
    chroot "$tree" make --directory /root/tvradar setup
    for part in concert sitcom; do
        mkdir -p "$tree/root/data/$part"
        cp -rT "$data/$part" "$tree/root/data/$part"
    done
}

code() { # a digest of what decides about the answers
    git ls-files -z calibration edge engines gallery constraints.txt pyproject.toml |
        xargs -0 sha256sum | sha256sum | head -c 12
}

keep() { # keep FILE COMMAND...: what the command prints, once, and whole or not at all
    local file=$1
    shift
    if [ ! -e "$file" ]; then
        echo "$(date +%T) $(basename "$file")" >&2
        "$@" >"$file.part"
        mv "$file.part" "$file"
    fi
}

enrol() { # enrol PORTRAITS FOLDER: once; a gallery is there whole or not at all
    [ -e "$2" ] || TVRADAR_PRECISION=fp32 .venv/bin/tvradar gallery enrol "$1" -o "$2" >/dev/null
}

name_all() { # name_all MACHINE ROOT [PREFIX...]: ROOT is the tree's /root as the commands see it
    local machine=$1 root=$2 precision
    shift 2
    local galleries=$root/out/$digest bin=$root/tvradar/.venv/bin
    [ "$machine" = arm64 ] || bin=$PWD/.venv/bin
    keep "$out/$machine-versions.json" "$@" "$bin/python" "$root/tvradar/tools/arm64_versions.py"
    for precision in int8 fp32; do
        export TVRADAR_PRECISION=$precision
        keep "$out/$machine-$precision-scenes.json" "$@" "$bin/tvradar" identify \
            "$root/data/sitcom/scenes" -g "$galleries/sitcom" --json
        keep "$out/$machine-$precision-clip.json" "$@" "$bin/tvradar" identify \
            "$root/data/concert/clip.mp4" -g "$galleries/concert" --seconds 1.5 --json
    done
    export TVRADAR_PRECISION=int8
    keep "$out/$machine-enrolled.json" "$@" "$bin/tvradar" gallery enrol \
        "$root/data/concert/portraits" -o "$galleries/$machine" --json
}

check
trap leave EXIT
bind_format
make_tree
mount_all
set_up
digest=$(code)
out=$tree/root/out/$digest
mkdir -p "$out"
enrol "$data/sitcom/portraits" "$out/sitcom"
enrol "$data/concert/portraits" "$out/concert"
name_all pc "$tree/root"
name_all arm64 /root chroot "$tree"
echo "$("$emulator" --version | head -n 1), QEMU_CPU=$QEMU_CPU, code $digest"
.venv/bin/python tools/arm64_table.py "$out"
