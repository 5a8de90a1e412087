#!/usr/bin/env bash
# A library of many people with pictures, imported by a command that is killed and run again.
#   tools/library_large.sh FOLDER [PEOPLE] [KILL_AFTER_S]
# Prints seconds, seconds of processor and the peak of memory of the run that goes on, of an update
# without anything new, and what both reports say.
set -euo pipefail
folder=$1 people=${2:-10000} kill_after_s=${3:-600}
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
tvradar=$(dirname "$python")/tvradar
mkdir -p "$folder"
folder=$(realpath "$folder")
[ -d "$folder/films" ] || (cd "$root" && "$python" -m tools.kodi_library "$folder/films" --people "$people")
measured() {
    "$python" - "$@" <<'P'
import json, resource, subprocess, sys, time
began = time.monotonic()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
wall_s = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"exit {done.returncode}, {wall_s:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor, "
      f"{used.ru_maxrss / 1024:.0f} MB in the largest process")
if done.returncode:
    sys.exit(done.stderr[-2000:])
told = json.loads(done.stdout)
print({k: v if isinstance(v, int) else len(v) for k, v in told.items() if k != "gallery"})
P
}
import=("$tvradar" library import --from kodi "$folder/films" -o "$folder/gallery" --json)
setsid "${import[@]}" >/dev/null 2>&1 &
pid=$!
sleep "$kill_after_s"
if kill -9 -- "-$pid" 2>/dev/null; then
    echo "killed after $kill_after_s s: $(ls "$folder/.gallery.library/parts" | grep -c 'part$') parts done"
fi
wait "$pid" 2>/dev/null || true
measured "${import[@]}"
measured "$tvradar" library update "$folder/gallery" --json
