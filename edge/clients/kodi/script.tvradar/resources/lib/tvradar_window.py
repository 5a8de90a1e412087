"""The cards over the video, in Kodi."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import TYPE_CHECKING

import xbmc
import xbmcaddon
import xbmcgui
import xbmcvfs
from tvradar_answer import Service, cards_at, lines_of, parse_sidecar, sidecar_path

if TYPE_CHECKING:
    from tvradar_answer import Card

WIDTH, HEIGHT, LINE = 1280, 720, 26
CARD_WIDTH, PHOTO = 430, 110
MAX_SIDECAR_BYTES = 64 << 20
ADDON = xbmcaddon.Addon()


def main() -> None:
    """Show who is on screen."""
    player = xbmc.Player()
    if not player.isPlayingVideo():
        _tell(32021)
        return
    try:
        cards = find_cards(player)
    except (OSError, ValueError, KeyError) as error:
        xbmc.log(f"tvradar: {error!r}", xbmc.LOGWARNING)
        _tell(32022)
        return
    if not cards:
        _tell(32020)
        return
    xbmc.log("tvradar: shown: " + ", ".join(card["name"] for card in cards), xbmc.LOGINFO)
    Cards(cards, ADDON.getSettingInt("seconds")).show_for_a_while()


def find_cards(player: xbmc.Player) -> list[Card]:
    """Return the cards of this moment, from the sidecar or the service."""
    path = sidecar_path(player.getPlayingFile())
    if xbmcvfs.exists(path):
        with xbmcvfs.File(path) as file:
            content = bytes(file.readBytes(MAX_SIDECAR_BYTES))
        sidecar = parse_sidecar(content)
        if sidecar is not None:
            return cards_at(sidecar, player.getTime())
        xbmc.log(f"tvradar: {path}: no sidecar of version 1", xbmc.LOGWARNING)
    url = ADDON.getSettingString("url")
    if not url:
        raise OSError("no service")
    lang = xbmc.getLanguage(xbmc.ISO_639_1)
    service = Service(url, ADDON.getSettingString("token"), lang)
    if ADDON.getSettingBool("tell_title"):
        _tell_title(service, player)
    return service.press()


def _tell_title(service: Service, player: xbmc.Player) -> None:
    tag = player.getVideoInfoTag()
    title = tag.getTVShowTitle() or tag.getTitle()
    if title:
        try:
            service.tell_title(title, tag.getYear(), [a.getName() for a in tag.getActors()])
        except (OSError, ValueError) as error:  # names do not hang on it
            xbmc.log(f"tvradar: title: {error!r}", xbmc.LOGWARNING)


def _tell(text: int) -> None:
    xbmcgui.Dialog().notification("tvradar", ADDON.getLocalizedString(text), time=3000)


class Cards(xbmcgui.WindowDialog):
    """Cards from the lower right corner up; any key takes them away, playback goes on."""

    def __init__(self, cards: list[Card], seconds: int) -> None:
        super().__init__()
        self._seconds = seconds
        self._open = True
        y = HEIGHT - 40
        for card in reversed(cards):
            texts = lines_of(card)
            height = max(PHOTO + 20, LINE * (len(texts) + 1) + 28)
            y -= height
            if y < 0:
                break
            self._add(card, texts, y, height)
            y -= 12

    def _add(self, card: Card, texts: list[str], y: int, height: int) -> None:
        x = WIDTH - CARD_WIDTH - 40
        white = str(Path(ADDON.getAddonInfo("path")) / "resources" / "white.png")
        ground = xbmcgui.ControlImage(x, y, CARD_WIDTH, height, white, colorDiffuse="D8101820")
        controls: list[xbmcgui.Control] = [ground]
        photo = _photo(card)
        if photo:
            controls.append(xbmcgui.ControlImage(x + 10, y + 10, PHOTO, PHOTO, photo, 2))
        left = x + (PHOTO + 24 if photo else 14)
        width = CARD_WIDTH - (left - x) - 10
        for n, text in enumerate([card["name"], *texts]):
            font, colour = ("font13", "FFFFFFFF") if n == 0 else ("font12", "FFC8D4E0")
            at = y + 10 + LINE * n
            controls.append(xbmcgui.ControlLabel(left, at, width, LINE, text, font, colour))
        self.addControls(controls)

    def show_for_a_while(self) -> None:
        """Show the cards until a key is pressed or their time is over."""
        self.show()
        until = time.monotonic() + self._seconds
        monitor = xbmc.Monitor()
        while self._open and time.monotonic() < until:
            if monitor.waitForAbort(0.1):
                break
        self.close()

    def onAction(self, action: xbmcgui.Action) -> None:  # noqa: N802
        """Close at any key."""
        if action.getId() not in (0, 107):  # nothing, and a mouse that moved
            self._open = False


def _photo(card: Card) -> str:
    """Return a picture that Kodi can show: a file of the sidecar's, or the service's address."""
    kind, _, data = card.get("photo", "").partition(";base64,")
    if kind != "data:image/jpeg":
        return card.get("photo", "")
    folder = xbmcvfs.translatePath("special://temp/tvradar/")
    xbmcvfs.mkdirs(folder)
    name = base64.urlsafe_b64encode(card["id"].encode()).decode()[:100]
    path = Path(folder) / f"{name}.jpg"
    path.write_bytes(base64.b64decode(data))
    return str(path)
