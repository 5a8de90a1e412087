#!/usr/bin/env bash
# An evening with a library, from nothing to names in the player: 20 titles, 60 people.
#   tools/library_evening.sh FOLDER [DATA]   needs mpv, xvfb, xdotool, imagemagick
# Without DATA all of it is made of photographs in the public domain, so that the pictures may be
# shown; with the test data (../shared/data) they may not leave this machine.
set -euo pipefail
folder=$1 data=${2:-}
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
tvradar=$(dirname "$python")/tvradar
films=$folder/films gallery=$folder/gallery
mkdir -p "$folder"
[ -d "$films" ] || (cd "$root" && "$python" -m tools.kodi_library "$(realpath -m "$films")" ${data:+--data "$data"})
time "$tvradar" library import --from kodi "$films" -o "$gallery"
time "$tvradar" timeline "$films" --gallery "$gallery" --out "$folder/timelines" --sidecar
film=$(ls "$films"/Portraits*/*.mp4)
"$root/tools/mpv_screenshot.sh" "$film" "${SECOND:-28}" "$folder/names.png"
[ -z "$data" ] || for film in "$films"/{Concert,Friends}*/*.mp4; do
    "$root/tools/mpv_screenshot.sh" "$film" 4 "$folder/$(basename "$film" .mp4).png"
done
ls "$folder"/*.png
