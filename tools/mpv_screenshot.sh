#!/usr/bin/env bash
# Play a film in mpv with the script under a virtual screen, press the key, take a picture.
#   tools/mpv_screenshot.sh FILM SECOND PICTURE.png        needs mpv, xvfb, xdotool, imagemagick
set -euo pipefail
film=$1 second=$2 picture=$3
script=$(dirname "$0")/../edge/clients/mpv/tvradar.lua
display=:$((RANDOM % 400 + 100))
Xvfb "$display" -screen 0 1280x720x24 >/dev/null 2>&1 &
xvfb=$!
trap 'kill $mpv $xvfb 2>/dev/null || true' EXIT
export DISPLAY=$display
sleep 1
mpv --no-config --vo=x11 --ao=null --fullscreen --pause --start="$second" --really-quiet \
    --script="$script" --script-opts=tvradar-url= "$film" &
mpv=$!
window=$(timeout 20 xdotool search --sync --onlyvisible --class mpv | head -1)
sleep 2
xdotool key --window "$window" n
sleep 1.5
import -window root "$picture"
