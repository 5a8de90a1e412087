#!/usr/bin/env bash
# Drive engines/tensorrt/pycuda_device.py by Debian's compiled pycuda (contrib) over the driver of
# host memory: names, arguments, ownership. Needs Debian 12, g++, python3.11 and a network; nothing
# is installed on the system. No GPU takes part.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,debs,root}
sed 's/^Components:.*/Components: main contrib non-free/' /etc/apt/sources.list.d/debian.sources \
    >"$work/contrib.sources"
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/contrib.sources" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work")
"${apt[@]}" update
(cd "$work/debs" && "${apt[@]}" download python3-pycuda libboost-python1.74.0 libboost-thread1.74.0)
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done

python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'numpy<2' 'opencv-python-headless<4.11' msgspec platformdirs \
    appdirs decorator mako pytools safetensors
lib="$work/root/usr/lib" && libs="$work/lib" && mkdir "$libs"
extension=$(echo "$lib"/python3/dist-packages/pycuda/_driver*.so)
build() { # NAME SOURCES…
    local name=$1 && shift
    g++ -O1 -std=c++17 -shared -fPIC -ffp-contract=off -o "$libs/$name" -Wl,-soname,"$name" \
        -I"$root/tests/integration/host_gpu" "$@" -ldl
}
stub() { # what pycuda is linked to and never calls here ends in "not supported"
    sed 's/.*/extern "C" int &() { return 801; }/'
}
names() { nm -D "$1" "$2" | awk '{print $NF}' | sed 's/@.*//' | sort -u; }
build libcuda.so.1 "$root/tools/pycuda_trial/driver.cpp"
names --undefined-only "$extension" | grep -E '^cu[A-Z]' >"$work/wanted"
names --defined-only "$libs/libcuda.so.1" >"$work/there"
comm -23 "$work/wanted" "$work/there" | stub >"$work/stubs.cpp"
build libcuda.so.1 "$root/tools/pycuda_trial/driver.cpp" "$work/stubs.cpp"
names --undefined-only "$extension" | grep '^curand' | stub >"$work/curand.cpp"
echo 'libcurand.so.10 { *; };' >"$work/version"
build libcurand.so.10 "$work/curand.cpp" -Wl,--version-script="$work/version"

cd "$root"
PYTHONPATH="$root:$lib/python3/dist-packages" \
    LD_LIBRARY_PATH="$libs:$lib/x86_64-linux-gnu" \
    "$work/venv/bin/python" tools/pycuda_trial/use.py
