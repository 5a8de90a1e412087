#!/usr/bin/env bash
# Install the add-on in a Kodi of its own under a virtual screen, play a film, press the key, take a
# picture.   tools/kodi_screenshot.sh FILM SECOND PICTURE.png
# Needs kodi, xvfb, xdotool, imagemagick, curl; Mesa's software renderer does.
set -euo pipefail
film=$(realpath "$1") second=$2 picture=$3
here=$(cd "$(dirname "$0")/.." && pwd)
home=$(mktemp -d)
display=:$((RANDOM % 400 + 100))
port=$((RANDOM % 10000 + 20000))
mkdir -p "$home/.kodi/addons" "$home/.kodi/userdata/keymaps"
cp -r "$here/edge/clients/kodi/script.tvradar" "$home/.kodi/addons/"
cp "$here/edge/clients/kodi/keymap.xml" "$home/.kodi/userdata/keymaps/tvradar.xml"
cat >"$home/.kodi/userdata/guisettings.xml" <<END
<settings version="2">
    <setting id="services.webserver">true</setting>
    <setting id="services.webserverport">$port</setting>
    <setting id="services.webserverauthentication">false</setting>
    <setting id="services.esallinterfaces">false</setting>
</settings>
END
Xvfb "$display" -screen 0 1280x720x24 >/dev/null 2>&1 &
xvfb=$!
trap 'kill $kodi $xvfb 2>/dev/null || true; sleep 1; rm -rf "$home"' EXIT
sleep 1
export DISPLAY=$display HOME=$home LIBGL_ALWAYS_SOFTWARE=1
"$(ls /usr/lib/*/kodi/kodi-x11 /usr/lib/*/kodi/kodi.bin 2>/dev/null | head -1)" --standalone >"$home/out" 2>&1 &
kodi=$!
ask() { # ask METHOD PARAMS
    curl --silent --fail --max-time 5 -H 'Content-Type: application/json' \
        -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}" \
        --write-out '\n' "http://127.0.0.1:$port/jsonrpc"
}
for _ in $(seq 60); do ask JSONRPC.Ping '{}' 2>/dev/null && break || sleep 1; done
ask Addons.SetAddonEnabled '{"addonid":"script.tvradar","enabled":true}'
sleep 2
ask Input.Left '{}'; ask Input.Select '{}'; sleep 2; ask Input.Back '{}' # Kodi asks whether a new add-on
sleep 1 # may run, and then shows its settings
ask Player.Open "{\"item\":{\"file\":\"$film\"}}"
sleep 4
ask Player.Seek "{\"playerid\":1,\"value\":{\"time\":{\"hours\":0,\"minutes\":0,\"seconds\":$second,\"milliseconds\":0}}}"
sleep 1
ask Player.PlayPause '{"playerid":1,"play":false}'
ask GUI.SetFullscreen '{"fullscreen":true}'
sleep 3
xdotool search --name . windowfocus key n
sleep 4
import -window root "$picture"
grep tvradar "$home/.kodi/temp/kodi.log" | tail -8
