// ==UserScript==
// @name        tvradar
// @description Who is on screen? n: names on the faces and cards; N: names always.
// @version     0.1.0
// @license     Apache-2.0
// @match       *://*/*
// @grant       none
// ==/UserScript==
// Shows a film's sidecar (docs/players.md) over any <video> of a page. The sidecar is looked for
// beside the film (film.mp4 -> film.tvradar.json); where the page's server has none there, as
// Jellyfin's, the key opens a file of this computer. Nobody but the film's own server is asked.
(() => {
  "use strict";
  const SECONDS = 8, LOOK_BACK_S = 2, MOST_CARDS = 5;
  const films = new Map(); // address of a film -> its sidecar, null where there is none
  let layer = null, until = 0, always = false, pressedAt = 0, next = 0;

  const isSidecar = (found) =>
    Boolean(found) && found.format === "tvradar-sidecar" && found.version === 1;

  const sidecarAddress = (film) => {
    if (!/^https?:/.test(film)) return null;
    const url = new URL(film);
    url.pathname = url.pathname.replace(/\.[A-Za-z0-9]{1,5}$/, "") + ".tvradar.json";
    url.search = "";
    return url.href;
  };

  // The largest film that can be seen.
  const theVideo = () => {
    const size = (v) => v.clientWidth * v.clientHeight;
    return [...document.querySelectorAll("video")]
      .filter((v) => v.currentSrc && size(v) > 0).sort((a, b) => size(b) - size(a))[0] || null;
  };

  const sidecarOf = async (video) => {
    const film = video.currentSrc;
    if (!films.has(film)) {
      const address = sidecarAddress(film);
      let found = null;
      try {
        const answer = address && await fetch(address);
        found = answer && answer.ok ? await answer.json() : null;
      } catch { /* none beside it, or another server's */ }
      films.set(film, isSidecar(found) ? found : null);
    }
    return films.get(film);
  };

  const askForFile = (video) => new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = ".json";
    input.onchange = async () => {
      let found = null;
      try { found = JSON.parse(await input.files[0].text()); } catch { /* told by the caller */ }
      if (isSidecar(found)) films.set(video.currentSrc, found);
      resolve(isSidecar(found) ? found : null);
    };
    input.oncancel = () => resolve(null);
    input.click();
  });

  const boxAt = (boxes, time) => {
    let low = 0, high = boxes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (boxes[middle][0] <= time) low = middle; else high = middle - 1;
    }
    const a = boxes[low], b = boxes[low + 1];
    if (!b || time <= a[0]) return a.slice(1);
    const share = (time - a[0]) / (b[0] - a[0]);
    return [1, 2, 3, 4].map((n) => a[n] + share * (b[n] - a[n]));
  };

  const facesAt = (sidecar, time) =>
    sidecar.tracks.filter((t) => t.start_s <= time && time < t.end_s);

  const cardsAt = (sidecar, time) => {
    const here = facesAt(sidecar, time);
    const gone = sidecar.tracks.filter((t) => t.end_s <= time && time - LOOK_BACK_S < t.end_s);
    const ids = [...here, ...gone].filter((t) => t.ids.length === 1).map((t) => t.ids[0]);
    const people = new Map(sidecar.people.map((p) => [p.id, p]));
    return [...new Set(ids)].map((id) => people.get(id)).filter(Boolean).slice(0, MOST_CARDS);
  };

  // Where the picture is inside the element: players leave bars, or cut.
  const pictureOf = (video) => {
    const r = video.getBoundingClientRect(), fit = getComputedStyle(video).objectFit;
    const wide = r.width / video.videoWidth, high = r.height / video.videoHeight;
    if (fit === "fill") return { left: r.left, top: r.top, width: r.width, height: r.height };
    const scale = fit === "cover" ? Math.max(wide, high) : Math.min(wide, high);
    const width = video.videoWidth * scale, height = video.videoHeight * scale;
    return {
      left: r.left + (r.width - width) / 2, top: r.top + (r.height - height) / 2, width, height,
    };
  };

  const element = (parent, style, text) => {
    const made = document.createElement("div");
    made.style.cssText = style;
    if (text) made.textContent = text; // names are text, never markup
    parent.append(made);
    return made;
  };

  const drawFaces = (sidecar, video, picture) => {
    const names = new Map(sidecar.people.map((p) => [p.id, p.name]));
    for (const track of facesAt(sidecar, video.currentTime)) {
      const [left, top, right, bottom] = boxAt(track.boxes, video.currentTime);
      const box = element(layer, `position:absolute;border:2px solid #50c0e0;
        left:${picture.left + left * picture.width}px;top:${picture.top + top * picture.height}px;
        width:${(right - left) * picture.width}px;height:${(bottom - top) * picture.height}px`);
      box.className = "tvradar-face";
      const label = element(box, `position:absolute;left:50%;bottom:100%;transform:translateX(-50%);
        white-space:nowrap;font:600 16px sans-serif;color:#fff;text-shadow:0 0 4px #000,0 0 4px #000`,
      track.ids.map((id) => names.get(id) || id).join(" / "));
      const at = label.getBoundingClientRect(); // a name at the edge stays on the screen
      const over = Math.max(at.right + 4 - innerWidth, 0) || Math.min(at.left - 4, 0);
      if (over) label.style.marginLeft = `${-over}px`;
      if (at.top < 4) Object.assign(label.style, { bottom: "auto", top: "100%" });
    }
  };

  const drawCards = (cards, picture) => {
    const list = element(layer, `position:absolute;display:flex;flex-direction:column;gap:8px;
      right:${innerWidth - picture.left - picture.width + 16}px;
      bottom:${innerHeight - picture.top - picture.height + 16}px;width:320px`);
    for (const person of cards) {
      const card = element(list, `background:#101820d8;color:#fff;padding:10px;border-radius:6px;
        font:14px/1.4 sans-serif;display:flex;gap:10px`);
      card.className = "tvradar-card";
      if (/^data:image\/jpeg;base64,[A-Za-z0-9+/=]+$/.test(person.photo || "")) {
        const photo = document.createElement("img");
        photo.src = person.photo;
        photo.alt = "";
        photo.style.cssText = "width:64px;height:64px;object-fit:cover;border-radius:4px";
        card.append(photo);
      }
      const texts = element(card, "min-width:0");
      element(texts, "font-weight:700;font-size:16px", person.name);
      if (person.role) element(texts, "", person.role);
      for (const work of (person.works || []).slice(0, 3)) {
        element(texts, "opacity:.8", work.title + (work.year ? ` (${work.year})` : ""));
      }
    }
  };

  const draw = () => {
    cancelAnimationFrame(next); // a second press begins no second row of frames
    const asked = performance.now() < until, video = theVideo();
    const sidecar = video && films.get(video.currentSrc);
    if (layer) layer.remove();
    layer = null;
    if (!sidecar || !(asked || always) || !video.videoWidth) return;
    layer = element(document.fullscreenElement && document.fullscreenElement !== video
      ? document.fullscreenElement : document.body,
    "position:fixed;inset:0;pointer-events:none;z-index:2147483647;overflow:hidden");
    layer.className = "tvradar";
    const picture = pictureOf(video);
    drawFaces(sidecar, video, picture);
    if (asked) drawCards(cardsAt(sidecar, pressedAt), picture);
    next = requestAnimationFrame(draw);
  };

  const press = async (keep) => {
    const video = theVideo();
    if (!video) return;
    const time = video.currentTime; // of the key, whatever is fetched meanwhile
    const sidecar = await sidecarOf(video) || await askForFile(video);
    if (!sidecar) return;
    if (keep) always = !always;
    else if (performance.now() < until) until = 0;
    else { until = performance.now() + SECONDS * 1000; pressedAt = time; }
    draw();
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^(input|textarea|select)$/i.test(event.target.tagName) || event.target.isContentEditable) {
      return;
    }
    if (event.key === "n" || event.key === "N") press(event.key === "N");
  });
})();
