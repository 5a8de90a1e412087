/* The overlay: one WebSocket in, boxes and cards out. Plain ES2018, for the browsers of old TVs.
   Every text from outside goes through textContent, so that a name is never markup.
   docs/overlay-protocol.md describes the messages. */
(function () {
  "use strict";

  var query = new URLSearchParams(location.search);
  var lang = /^zh/i.test(query.get("lang") || navigator.language || "en") ? "zh" : "en";
  var text = window.tvradarText[lang];
  var offsetMs = Math.min(Math.max(Number(query.get("offset_ms")) || 0, 0), 10000);
  document.documentElement.lang = lang === "zh" ? "zh-Hans" : "en";
  document.body.classList.toggle("quiet", query.has("quiet"));

  function $(id) { return document.getElementById(id); }
  function make(tag, className, content) {
    var node = document.createElement(tag);
    if (className) { node.className = className; }
    if (content !== undefined) { node.textContent = content; }
    return node;
  }
  function write(id, content) { if ($(id).textContent !== content) { $(id).textContent = content; } }
  function say(texts) {
    if (typeof texts === "string") { return texts; }
    if (!texts) { return ""; }
    var close = Object.keys(texts).find(function (key) { return key.indexOf(lang) === 0; });
    return texts[lang] || texts[close] || texts.en || texts[Object.keys(texts)[0]] || "";
  }
  function url(id, rest) { return "api/people/" + encodeURIComponent(id) + (rest || ""); }

  /* stops: what left and right step through in an open card: each person, and both of each "A or B" */
  var live = { connected: false, source: "connecting", scene: null, preview: null,
    answer: null, stops: [], cards: [], at: 0, open: false, dismissed: 0, run: 0, heard: null, shown: null };
  var boxes = new Map(), known = new Map(), seen = new Map();

  /* What was last heard has an age, whatever the device says or no longer says. A TV that sleeps
     stops the one clock, setting its time moves the other: the one that tells of more time counts. */
  var STALE_MS = 1500, GONE_MS = 1000, PATIENCE_MS = 4000;
  function mark() { return { up: performance.now(), wall: Date.now() }; }
  function since(then) { return then ? Math.max(performance.now() - then.up, Date.now() - then.wall) : Infinity; }
  function stale() { return since(live.shown) > STALE_MS; }

  function nameOf(id) { return say(known.get(id)) || id; }
  function pair(candidates) {
    return candidates.slice(0, 2).map(function (c) { return nameOf(c.id || c); }).join(text.or);
  }

  /* --- boxes ------------------------------------------------------------------------------- */
  function labelOf(face) {
    if (face.id) { return nameOf(face.id); }
    if (face.why === "ambiguous") { return pair(face.candidates); }
    return live.answer && face.why ? text.why[face.why] || face.why : "";
  }
  function newBox() {
    var box = make("div"), label = make("span", "label");
    label.hidden = true;
    box.appendChild(label);
    $("faces").appendChild(box);
    return { node: box, label: label, text: "", width: 0, pinged: false };
  }
  var fitted = "";
  function fit(aspect) { // the picture's place on the screen; older TVs have no CSS aspect-ratio
    var width = Math.min(window.innerWidth, window.innerHeight * aspect), key = width + "/" + aspect;
    if (key === fitted) { return; }
    fitted = key;
    $("picture").style.width = width + "px";
    $("picture").style.height = width / aspect + "px";
  }
  function drawFaces(scene) {
    var width = scene.size[0], height = scene.size[1], seen = new Set();
    fit(width / height);
    var scale = $("picture").clientWidth / width, floor = (live.answer ? 0.5 : 0.84) * height;
    var chosen = live.answer && live.stops[live.at];
    scene.faces.forEach(function (face) {
      seen.add(face.track);
      var box = boxes.get(face.track) || newBox(), node = box.node, b = face.box, label = labelOf(face);
      boxes.set(face.track, box);
      node.style.left = 100 * b[0] / width + "%";
      node.style.top = 100 * b[1] / height + "%";
      node.style.width = 100 * (b[2] - b[0]) / width + "%";
      node.style.height = 100 * (b[3] - b[1]) / height + "%";
      node.className = "face" + (face.id ? " named" : face.why === "ambiguous" ? " either" : "") +
        (b[3] > floor && b[1] > 0.1 * height ? " low" : "") + (box.pinged ? " pressed" : "") +
        (chosen && chosen.track === face.track ? " chosen" : "");
      node.dataset.track = face.track;
      node.dataset.id = face.id || "";
      if (box.text !== label) {
        box.text = box.label.textContent = label;
        box.label.hidden = !label;
        box.width = box.label.offsetWidth;
      }
      /* a label stays within the picture, even where its face does not */
      var middle = scale * (b[0] + b[2]) / 2, half = box.width / 2 + 8, end = scale * width;
      var shift = Math.max(half - middle, 0) || Math.min(end - half - middle, 0);
      box.label.style.marginLeft = shift ? shift + "px" : "";
    });
    boxes.forEach(function (box, track) {
      if (!seen.has(track)) { box.node.remove(); boxes.delete(track); }
    });
  }
  function show(scene) {
    live.scene = scene;
    live.shown = mark();
    scene.faces.forEach(function (face) {
      (face.id ? [face.id] : face.candidates || []).forEach(function (id) { seen.set(id, live.shown); });
    });
    Object.keys(scene.names).forEach(function (id) { known.set(id, scene.names[id]); });
    drawFaces(scene);
    tell();
    only.follow(scene);
  }
  function redraw() { if (live.scene && !helpFor(stateNow())) { drawFaces(live.scene); } }
  function fly(track) {
    var box = boxes.get(track), from = $("radar").getBoundingClientRect();
    if (!box) { return; }
    var to = box.node.getBoundingClientRect();
    box.label.style.setProperty("--dx", from.left - (to.left + to.right) / 2 + "px");
    box.label.style.setProperty("--dy", from.top - to.bottom + "px");
    box.pinged = true;
    box.node.classList.add("pressed");
    setTimeout(function () { box.pinged = false; box.node.classList.remove("pressed"); }, 700);
  }

  /* --- the line at the top, and the words in the middle -------------------------------------- */
  function once(words) { return Array.from(new Set(words)).join(text.comma); }
  function reasons(faces) { return once(faces.map(function (face) { return text.why[face.why] || face.why; })); }
  function stateNow() {
    var scene = live.scene;
    if (!live.connected || since(live.heard) > STALE_MS) { return "offline"; }
    if (live.source === "ended") { return "ended"; }
    if (live.source === "lost") { return "nosignal"; }
    if (!scene || stale() || live.source === "connecting") { return "scanning"; }
    if (scene.faces.some(function (f) { return f.id; })) { return "names"; }
    if (scene.faces.some(function (f) { return f.why === "ambiguous"; })) { return "either"; }
    if (scene.faces.some(function (f) { return !f.why; })) { return "scanning"; }
    return scene.faces.length ? "unknown" : "idle";
  }
  function helpFor(state) { // without a picture there is help, and no face
    var waiting = state === "scanning" && (!live.scene || stale() || live.source === "connecting");
    return waiting ? text.connectingHelp : text[state + "Help"] || "";
  }
  function tell() {
    var state = stateNow(), line = text[state], help = helpFor(state);
    if (state === "unknown") { line += text.colon + reasons(live.scene.faces); }
    if (state === "either") { line = once(live.scene.faces.filter(function (f) { return f.why === "ambiguous"; }).map(labelOf)); }
    if (state === "names") {
      line += live.scene.faces.filter(function (f) { return f.id; }).map(labelOf).join(text.comma);
    }
    document.body.dataset.state = state;
    document.body.classList.toggle("telling", Boolean(help));
    write("status-text", line);
    write("message-text", help ? line : "");
    write("message-help", help);
    if (help) { $("faces").textContent = ""; boxes.clear(); }
    followCards(Boolean(help));
  }
  function followCards(noPicture) { // an open answer goes on to say who is there
    live.cards.forEach(function (card) {
      var here = !noPicture && card.ids.some(function (id) { return since(seen.get(id)) < GONE_MS + offsetMs; });
      if (card.here === here) { return; }
      card.here = here;
      card.node.classList.toggle("gone", !here);
      card.told.textContent = here ? card.words : text.gone;
    });
  }

  /* --- the radar's answer ------------------------------------------------------------------- */
  function speak(words) { $("spoken").textContent = words; }
  function press() {
    document.body.classList.add("sweep");
    fetch("api/press", { method: "POST", body: "{}" }).then(function (response) {
      if (!response.ok) { throw new Error(response.status); }
      return response.json();
    }).then(showAnswer).catch(function () { speak(text.retry); }).then(function () {
      setTimeout(function () { document.body.classList.remove("sweep"); }, 600);
    });
  }
  function isStale(answer) {
    if (answer.press <= live.dismissed) { return true; }
    return live.answer && (answer.press < live.answer.press ||
      answer.press === live.answer.press && live.answer.refined >= answer.refined);
  }
  function photo(node, id, names) {
    var image = make("img");
    node.textContent = (say(names).trim() || "?").charAt(0);
    node.setAttribute("aria-hidden", "true");
    image.alt = "";
    image.onload = function () { node.textContent = ""; node.appendChild(image); };
    image.src = url(id, "/photo");
    return node;
  }
  function addCard(ids, track, className, title, role, told, picture) {
    var card = make("li", "card" + className), words = make("div"), index = $("cards").children.length;
    var presence = make("em", "", told);
    card.id = "card-" + index;
    card.setAttribute("role", "option");
    card.dataset.id = ids[0];
    card.appendChild(picture);
    words.appendChild(make("strong", "", title));
    if (role) { words.appendChild(make("span", "", role)); }
    words.appendChild(presence);
    card.appendChild(words);
    live.cards.push({ node: card, told: presence, ids: ids, here: told !== text.gone, words: told === text.gone ? text.now : told });
    var first = live.stops.length;
    ids.forEach(function (id) { live.stops.push({ id: id, track: track, card: index, ids: ids }); });
    card.addEventListener("click", function () { choose(first); openCard(); });
    $("cards").appendChild(card);
  }
  function showAnswer(answer) {
    if (isStale(answer)) { return; }
    var before = live.answer && live.stops[live.at], first = !live.answer || live.answer.press !== answer.press;
    live.answer = answer;
    live.stops = [];
    live.cards = [];
    $("cards").textContent = "";
    answer.people.forEach(function (p) {
      var now = p.present === "now";
      known.set(p.id, p.names);
      if (now && first) { seen.set(p.id, mark()); }
      var by = (p.cues || []).filter(function (c) { return text.by[c.kind]; }).map(function (c) { return text.by[c.kind]; });
      addCard([p.id], p.track, now ? "" : " gone", say(p.names), [say(p.role)].concat(by).filter(Boolean).join(" · "), now ? text.now : text.gone,
        photo(make("div", "photo"), p.id, p.names));
      if (first) { fly(p.track); }
    });
    answer.ambiguous.forEach(function (e) {
      var ids = e.candidates.slice(0, 2).map(function (c) { return c.id; });
      var picture = make("div", "photo", "?");
      picture.setAttribute("aria-hidden", "true");
      if (first) { ids.forEach(function (id) { seen.set(id, mark()); }); }
      addCard(ids, e.track, " either", pair(ids), "", text.either, picture);
    });
    var found = $("cards").children.length > 0;
    var state = stateNow(), empty = helpFor(state) ? text[state] : text.idle;
    var title = found ? text.who : answer.unnamed.length ? text.nobody : empty;
    write("unnamed", answer.unnamed.length ? text.unnamed + reasons(answer.unnamed) : "");
    write("answer-title", title);
    write("answer-keys", found ? text.choose : "");
    $("cards").hidden = !found;
    $("answer").hidden = false;
    document.body.classList.add("asked");
    speak(found ? answer.people.map(function (p) { return say(p.names); }).join(text.comma) : title);
    var kept = before ? live.stops.findIndex(function (s) { return s.id === before.id && s.track === before.track; }) : 0;
    choose(Math.max(kept, 0));
    if (found && !live.open) { $("cards").focus({ preventScroll: true }); }
    redraw();
    tell();
  }
  function choose(index) {
    live.at = Math.min(Math.max(index, 0), Math.max(live.stops.length - 1, 0));
    var stop = live.stops[live.at];
    Array.prototype.forEach.call($("cards").children, function (card, i) {
      var on = Boolean(stop) && i === stop.card;
      card.classList.toggle("focus", on);
      card.setAttribute("aria-selected", on ? "true" : "false");
      if (on) { card.scrollIntoView({ block: "nearest", inline: "nearest" }); }
    });
    $("cards").setAttribute("aria-activedescendant", stop ? "card-" + stop.card : "");
    redraw();
  }
  function stepCard(by) {
    var here = live.stops[live.at], next = live.at + by;
    while (here && live.stops[next] && live.stops[next].card === here.card) { next += by; }
    if (!live.stops[next]) { return; }
    while (by < 0 && live.stops[next - 1] && live.stops[next - 1].card === live.stops[next].card) { next -= 1; }
    choose(next);
  }
  function closeAnswer() {
    live.dismissed = live.answer ? live.answer.press : live.dismissed;
    live.answer = null;
    live.stops = [];
    live.cards = [];
    $("answer").hidden = true;
    document.body.classList.remove("asked");
    $("radar").blur();
    redraw();
  }

  /* --- one person's card ---------------------------------------------------------------------- */
  function openCard() {
    var stop = live.stops[live.at];
    if (!stop) { return; }
    live.open = true;
    fetch(url(stop.id)).then(function (response) {
      if (!response.ok) { throw new Error(response.status); }
      return response.json();
    }).then(function (person) {
      if (live.open && live.stops[live.at] && live.stops[live.at].id === person.id) { fillCard(person, stop); }
    }).catch(function () { closeCard(); speak(text.retry); });
  }
  function fillCard(person, stop) {
    write("card-name", say(person.names));
    write("card-either", stop.ids.length > 1 ? text.either + (lang === "zh" ? "：" : ": ") + pair(stop.ids) : "");
    write("card-role", say(person.role));
    write("card-biography", say(person.biography));
    write("card-keys", text.keys);
    write("act-only", text.only);
    write("act-not", text.not);
    photo($("card-photo"), person.id, person.names);
    $("card-works").textContent = "";
    person.works.slice(0, 8).forEach(function (work) {
      var line = say(work.title) + (work.year ? " (" + work.year + ")" : "") + (work.role ? text.as + work.role : "");
      $("card-works").appendChild(make("li", "", line));
    });
    $("card-more").scrollTop = 0;
    /* the card goes to the side where the face is not */
    var box = boxes.get(stop.track), rect = box && box.node.getBoundingClientRect();
    $("card").classList.toggle("left", Boolean(rect) && rect.left + rect.right > window.innerWidth);
    $("card").hidden = false;
    document.body.classList.add("opened");
    if (only.isOpen()) { return; }
    $("act-only").focus({ preventScroll: true });
  }
  function closeCard() {
    only.close();
    live.open = false;
    $("card").hidden = true;
    document.body.classList.remove("opened");
    if (live.answer) { $("cards").focus({ preventScroll: true }); }
  }
  function step(by) {
    if (live.stops[live.at + by]) { choose(live.at + by); openCard(); }
  }
  function notThisPerson() {
    var stop = live.stops[live.at];
    if (!stop) { return; }
    fetch("api/feedback", { method: "POST", body: JSON.stringify({ track: stop.track, id: stop.id }) }).then(function (response) {
      if (!response.ok && response.status !== 404) { throw new Error(response.status); }
      closeCard(); closeAnswer();
      speak(response.ok ? text.refused : text.gonealready);
    }).catch(function () { speak(text.retry); });
  }

  /* up and down go through the biography where it is longer than the card, then through the actions */
  function moveInCard(by) {
    var more = $("card-more"), place = ACTIONS.indexOf(document.activeElement.id), next = ACTIONS[place + by];
    var room = by < 0 ? more.scrollTop : more.scrollHeight - more.clientHeight - more.scrollTop;
    if (place <= 0 && room > 1) { more.scrollTop += 80 * by; return; }
    if (next) { $(next).focus({ preventScroll: true }); }
  }
  function doInCard() {
    if (document.activeElement === $("act-not")) { notThisPerson(); } else { onlyWatch(); }
  }
  function onlyWatch() {
    var stop = live.stops[live.at];
    if (!stop) { return; }
    only.open(stop.id, nameOf(stop.id)).catch(function () { speak(text.retry); });
  }
  var only = window.tvradarOnly({ $: $, make: make, write: write, url: url, text: text, speak: speak,
    position: function () { return live.scene && typeof live.scene.position_s === "number" ? live.scene.position_s : null; },
    back: function () { if (live.open) { $("act-only").focus({ preventScroll: true }); } },
    closeAll: function () { closeCard(); closeAnswer(); } });

  /* --- keys: a keyboard's and those of Tizen, webOS, RDK and Android TV remotes --------------- */
  var KEYS = { r: "radar", R: "radar", ColorF0Red: "radar", ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
    Enter: "ok", Select: "ok", Accept: "ok", Escape: "back", Backspace: "back", GoBack: "back", BrowserBack: "back",
    XF86Back: "back", x: "not", X: "not", ColorF1Green: "not" };
  var CODES = { 403: "radar", 404: "not", 13: "ok", 37: "left", 38: "up", 39: "right", 40: "down", 8: "back", 461: "back", 10009: "back" };
  var ACTIONS = ["act-only", "act-not"];
  var CARD = { back: closeCard, not: notThisPerson,
    left: function () { step(-1); }, right: function () { step(1); },
    up: function () { moveInCard(-1); }, down: function () { moveInCard(1); }, ok: doInCard };
  var ROW = { back: closeAnswer, ok: openCard,
    left: function () { stepCard(-1); }, right: function () { stepCard(1); } };
  var WATCH = { back: function () { only.end(); } };
  document.addEventListener("keydown", function (event) {
    var key = KEYS[event.key] || CODES[event.keyCode];
    if (!key || event.ctrlKey || event.altKey || event.metaKey) { return; }
    if (key === "ok" && document.activeElement === $("radar")) { return; } // the button's own click
    if (event.repeat && (key === "radar" || key === "ok" || key === "not")) { event.preventDefault(); return; }
    if (key === "radar" || key === "ok" && !live.answer) { event.preventDefault(); closeCard(); press(); return; }
    var action = (only.isOpen() ? only.keys : live.open ? CARD : live.answer ? ROW : only.isWatching() ? WATCH : {})[key];
    if (action) { event.preventDefault(); action(); }
  });
  $("act-only").addEventListener("click", onlyWatch);
  $("act-not").addEventListener("click", notThisPerson);
  $("radar").addEventListener("click", function () { closeCard(); press(); });
  if (window.tizen && window.tizen.tvinputdevice) { // Tizen keeps colour keys to itself unless asked
    ["ColorF0Red", "ColorF1Green"].forEach(function (key) { window.tizen.tvinputdevice.registerKey(key); });
  }

  /* --- what the device sends ----------------------------------------------------------------- */
  var link = window.tvradarLink, meter = link.meter();
  function onHello(message) {
    var notice = say(message.notice);
    write("notice", notice);
    $("notice").hidden = !notice;
    live.dismissed = 0; // a service that has started anew counts presses anew
    if (live.answer) { closeCard(); closeAnswer(); live.dismissed = 0; }
    live.run += 1; // and knows nothing of what was on the screen before
    live.scene = live.shown = null;
    live.source = "connecting";
    seen.clear();
    if (message.preview && !live.preview) { live.preview = startPreview(); }
    tell();
  }
  function onLive(data) {
    var message = JSON.parse(data), run = live.run;
    live.heard = mark();
    if (message.type === "hello") { onHello(message); }
    else if (message.type === "answer") { showAnswer(message); }
    else if (message.type === "state") { live.source = message.source; tell(); }
    else if (message.type === "scene") {
      if (live.preview) { meter.told(message); } // boxes come with the picture
      else if (offsetMs) { setTimeout(function () { if (run === live.run) { show(message); } }, offsetMs); }
      else { show(message); }
    }
  }
  function startPreview() {
    document.body.classList.add("preview");
    return link.preview($("video"), function (scene) { show(scene); meter.shown(scene); });
  }

  window.addEventListener("resize", redraw);
  write("radar-text", text.radar);
  link.connect("/api/live", onLive, function (connected) {
    live.connected = connected;
    live.heard = mark();
    if (!connected && live.preview) { live.preview(); }
    tell();
  }, PATIENCE_MS);
  setInterval(tell, 250); // time passes, though nothing is heard
  tell();
})();
