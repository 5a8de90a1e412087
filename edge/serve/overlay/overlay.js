/* The overlay: one WebSocket in, boxes and cards out. docs/overlay-protocol.md describes the
   messages; each part of the page is a file of its own, and this one puts them together. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, text = tv.text, query = tv.query;
  var PATIENCE_MS = 4000, CLOSE_S = 15, LONGER = 4, TITLE_MS = 5000;
  var always = query.get("show") === "always";
  var offsetMs = Math.min(Math.max(Number(query.get("offset_ms")) || 0, 0), 10000);
  var closeMs = 1000 * (query.has("close_s") ? Math.max(Number(query.get("close_s")) || 0, 0) : CLOSE_S);

  /* quiet: a clean picture until somebody presses */
  document.body.classList.toggle("quiet", !always);

  var live = { connected: false, source: "connecting", scene: null, preview: null, run: 0, heard: null,
    shown: null, titles: false, title: "", restart: false, naming: false, phone: false };
  var lastKey = tv.mark(), people = new Map(), title = Promise.resolve(), titleAsked = null;

  var page = {
    live: live, offsetMs: offsetMs,
    chosen: function () { var stop = page.answer.isOpen() && page.answer.stop(); return stop ? stop.track : null; },
    visible: function () { return always || page.answer.isOpen(); },
    tellsAlways: function () { return always; },
    labelOf: function (face) {
      if (face.id) { return tv.short(tv.nameOf(face.id)); }
      return face.why === "ambiguous" ? tv.short(tv.pair(face.candidates)) : "";
    },
    canStart: function () { return live.connected && live.restart; },
    noPicture: function () { page.faces.clear(); },
    moved: function () { page.faces.moved(); },
    blind: function () { return page.status.blind(); },
    stateNow: function () { return page.status.now(); },
    reasons: function (faces) { return page.status.reasons(faces); },
    redraw: function () { if (live.scene && !page.blind()) { page.faces.draw(live.scene); } },
    open: function () { var stop = page.answer.stop(); if (stop && !stop.id) { page.naming.begin(stop); } else { page.card.show(); } },
    closeAll: function () { page.card.close(); page.answer.close(); page.moved(); },
    asked: asked, character: character, roleOf: roleOf,
    position: function () { return live.scene && typeof live.scene.position_s === "number" ? live.scene.position_s : null; }
  };
  page.faces = tv.faces(page);
  page.status = tv.status(page);
  page.toast = tv.toast(page);
  page.answer = tv.answer(page);
  page.only = tv.only(page);
  page.card = tv.card(page);
  page.naming = tv.naming(page);

  /* --- what is told of people --------------------------------------------------------------- */
  function partOf(person) { // whom they play in this title, where it is known which one it is
    var title = live.title.toLowerCase();
    var work = title && person.works.find(function (one) {
      var titles = typeof one.title === "string" ? [one.title] : Object.keys(one.title).map(function (key) { return one.title[key]; });
      return one.role && titles.some(function (each) { return each.toLowerCase() === title; });
    });
    return work ? tv.fill(text.as, { role: work.role }).trim() : "";
  }
  function roleOf(person) { return partOf(person) || tv.say(person.role); }
  function character(id, then) {
    if (!id || !live.titles) { return; }
    if (tv.since(titleAsked) > TITLE_MS) {
      titleAsked = tv.mark();
      title = tv.read("api/title").then(function (playing) { live.title = playing.title; });
    }
    if (!people.has(id)) { people.set(id, tv.read(tv.url(id))); }
    title.then(function () { return people.get(id); }).then(function (person) { if (partOf(person)) { then(partOf(person)); } })
      .catch(function () { people.delete(id); });
  }

  /* --- scenes ------------------------------------------------------------------------------- */
  function show(scene) {
    live.scene = scene;
    live.shown = tv.mark();
    scene.faces.forEach(function (face) {
      (face.id ? [face.id] : face.candidates || []).forEach(function (id) {
        if (scene.names[id] || !tv.knows(id)) { tv.learn(id, scene.names[id]); }
      });
    });
    document.body.dataset.at = scene.position_s === undefined ? scene.pts_s : scene.position_s; // for who measures
    page.answer.sees(scene);
    if (!page.blind()) { page.faces.draw(scene); }
    tell();
    page.only.follow(scene);
  }
  function tell() {
    page.status.tell();
    page.answer.follow();
  }
  function tick() { // time passes, though nothing is heard
    page.moved();
    tell();
    var idle = tv.since(lastKey), still = page.card.isOpen() ? LONGER * closeMs : closeMs;
    if (closeMs && page.answer.isOpen() && idle > still && !page.naming.isOpen()) { page.closeAll(); }
  }

  /* --- a press ------------------------------------------------------------------------------ */
  function press() {
    if (page.stateNow() === "ended" && page.canStart()) { startAgain(); return; }
    if (page.stateNow() === "offline") { page.toast.show(text.offline + text.stop + text.offlineHelp); return; }
    document.body.classList.add("sweep");
    tv.post("api/press", {}).then(function (response) { return response.json(); }).then(page.answer.show).catch(function () { page.toast.show(text.retry); }).then(function () {
      setTimeout(function () { document.body.classList.remove("sweep"); }, 600);
    });
  }
  function startAgain() {
    tv.post("api/restart", {}).catch(function () { page.toast.show(text.retry); });
  }
  function asked(first, answer, found) { // the row is there
    if (first) {
      lastKey = tv.mark();
      answer.people.forEach(function (p) { page.faces.ping(p.track); });
    }
    var told = Array.from(found ? $("says").children : [$("answer-title"), $("unnamed")].concat(Array.from($("says").children)));
    tv.speak(told.map(function (e) { return e.textContent; }).filter(Boolean).join(text.stop));
    if (found && !page.card.isOpen() && document.activeElement !== $("cards")) { $("cards").focus({ preventScroll: true }); }
    page.moved();
    page.redraw();
    tell();
  }

  /* --- keys ----------------------------------------------------------------------------------- */
  var ROW = { back: page.closeAll, ok: page.open,
    left: function () { page.answer.step(-1); }, right: function () { page.answer.step(1); } };
  var WATCH = { back: function () { page.only.end(); } };
  function find(key) {
    lastKey = tv.mark();
    document.body.classList.remove("bare");
    page.status.wake();
    if (page.toast.canUndo()) {
      if (key === "ok") { return page.toast.undo; }
      page.toast.hide(); // who goes on with something else does not undo by it
    }
    if (key === "ok" && document.activeElement === $("radar")) { return null; } // the button's own click
    if (page.naming.isOpen()) { return page.naming.keys[key] || function () { /* nothing else meanwhile */ }; }
    if (key === "radar" || key === "ok" && !page.answer.isOpen() && !page.only.isOpen()) {
      return function () { page.card.close(); press(); };
    }
    var keys = page.only.isOpen() ? page.only.keys : page.card.isOpen() ? page.card.keys :
      page.answer.isOpen() ? ROW : page.only.isWatching() ? WATCH : {};
    return keys[key];
  }
  tv.keys(find, page.naming.typed);
  $("radar").addEventListener("click", function () { page.card.close(); press(); });

  /* --- what the device sends ----------------------------------------------------------------- */
  var link = tv.link, meter = link.meter();
  function onHello(message) {
    var notice = tv.say(message.notice);
    tv.write("notice", notice);
    $("notice").hidden = !notice;
    live.titles = Boolean(message.titles);
    live.title = "";
    titleAsked = null;
    live.restart = Boolean(message.restart);
    live.naming = Boolean(message.naming);
    live.phone = Boolean(message.phone);
    people.clear();
    if (page.answer.isOpen()) { page.closeAll(); }
    page.answer.forget(); // a service that has started anew counts presses anew
    live.run += 1; // and knows nothing of what was on the screen before
    live.scene = live.shown = null;
    live.source = "connecting";
    if (message.preview && !live.preview) { live.preview = startPreview(); }
    document.body.classList.toggle("bare", !message.preview && !query.has("over"));
    tell();
  }
  function pressKey(key) { // of a telephone
    var action = find(key);
    if (action) { action(); } else if (document.activeElement && key === "ok") { document.activeElement.click(); }
  }
  function onLive(data) {
    var message = JSON.parse(data), run = live.run;
    live.heard = tv.mark();
    if (message.type === "hello") { onHello(message); }
    else if (message.type === "answer") { page.answer.show(message); }
    else if (message.type === "named") { page.naming.kept(message); }
    else if (message.type === "pairing") { page.naming.pair(message); }
    else if (message.type === "key") { pressKey(message.key); }
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

  window.addEventListener("resize", function () { page.faces.resized(); page.redraw(); });
  tv.write("radar-text", text.radar);
  tv.write("bare-title", text.bare);
  tv.write("bare-help", text.bareHelp);
  link.connect("/api/live", onLive, function (connected) {
    live.connected = connected;
    live.heard = tv.mark();
    if (!connected && live.preview) { live.preview(); }
    tell();
  }, PATIENCE_MS);
  setInterval(tick, 250);
  tell();
})();
