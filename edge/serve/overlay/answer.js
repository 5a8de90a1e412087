/* The radar's answer: a row of portraits, left to right as on the screen, that goes on to say who
   is there. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, make = tv.make, text = tv.text;
  var GONE_MS = 700, IN_VIEW = 6, EDGE = 0.05;

  function photo(node, id, names) {
    var image = make("img");
    node.textContent = Array.from(tv.say(names).trim() || "?")[0];
    node.setAttribute("aria-hidden", "true");
    image.alt = "";
    image.onload = function () { node.textContent = ""; node.appendChild(image); };
    image.src = tv.api(tv.url(id, "/photo"));
    return node;
  }
  tv.photo = photo;
  tv.pair = function (candidates) {
    return candidates.slice(0, 2).map(function (c) { return tv.isolate(tv.nameOf(c.id || c)); }).join(text.or);
  };

  tv.answer = function (page) {
    /* stops: what left and right step through in an open card: each person, both of each "A or B" */
    var now = null, stops = [], tiles = [], at = 0, dismissed = 0, seen = new Map();

    /* --- who was seen when ------------------------------------------------------------------ */
    function before(seconds) {
      return { up: performance.now() - 1000 * seconds, wall: Date.now() - 1000 * seconds };
    }
    function sees(ids, mark) { ids.forEach(function (id) { seen.set(id, mark); }); }
    function lastSeen(ids) {
      return Math.min.apply(null, ids.map(function (id) { return tv.since(seen.get(id)) - page.offsetMs; }));
    }
    function ago(ms) {
      var seconds = Math.round(ms / 1000);
      if (seconds < 2 || seconds === Infinity) { return text.gone; }
      return seconds < 60 ? tv.fill(text.ago, { n: seconds }) : tv.fill(text.agoMinutes, { n: Math.floor(seconds / 60) });
    }
    function isHere(track) {
      return Boolean(page.live.scene) && page.live.scene.faces.some(function (face) { return face.track === track; });
    }
    function follow() {
      var blind = page.blind();
      tiles.forEach(function (tile) {
        var ms = tile.ids.length ? lastSeen(tile.ids) : isHere(tile.track) ? 0 : Infinity, here = !blind && ms < GONE_MS;
        var words = here ? tile.ids.length > 1 ? text.either : text.now : ago(Math.max(ms, 0));
        if (tile.told.textContent !== words) { tile.told.textContent = words; }
        tile.node.classList.toggle("gone", !here);
      });
    }

    /* --- the row ---------------------------------------------------------------------------- */
    function isStale(answer) {
      if (answer.press <= dismissed) { return true; }
      return now && (answer.press < now.press || answer.press === now.press && now.refined >= answer.refined);
    }
    function middle(box) { return box ? (box[0] + box[2]) / 2 : Infinity; }
    function entriesOf(answer) {
      var people = answer.people.map(function (p) {
        var by = (p.cues || []).map(function (c) { return text.by[c.kind]; }).filter(Boolean).join(text.comma);
        return { ids: [p.id], track: p.track, x: middle(p.box), names: p.names, role: tv.say(p.role), by: by, seen_s: p.seen_s };
      });
      var either = answer.ambiguous.map(function (e) {
        return { ids: e.candidates.slice(0, 2).map(function (c) { return c.id; }), track: e.track, x: middle(e.box), role: "", seen_s: 0 };
      });
      var strangers = !page.live.naming ? [] : answer.unnamed.map(function (u) {
        return { ids: [], track: u.track, x: middle(u.box), role: "", seen_s: 0 };
      });
      var all = people.concat(either, strangers);
      all.forEach(function (one, i) { one.rank = i; });
      return all.sort(function (a, b) { return a.x === b.x ? a.rank - b.rank : a.x - b.x; });
    }
    function tileFor(entry) { // what is there already stays: nothing flickers when the answer is refined
      var key = entry.ids.join("/") + (entry.ids.length === 1 ? "" : "/" + entry.track);
      var known = tiles.find(function (tile) { return tile.key === key; });
      if (known) { return known; }
      var node = make("li", "card" + (entry.ids.length > 1 ? " either" : "")), words = make("div", "words");
      var told = make("em"), role = make("span"), by = make("span", "by");
      node.setAttribute("role", "option");
      node.dataset.id = entry.ids[0] || "";
      if (!entry.ids.length) {
        node.classList.add("unknown");
        node.appendChild(make("div", "photo", "?")).setAttribute("aria-hidden", "true");
      }
      entry.ids.forEach(function (id) { node.appendChild(photo(make("div", "photo"), id, entry.names || tv.nameOf(id))); });
      words.appendChild(make("strong", "", entry.names ? tv.say(entry.names) : entry.ids.length ? tv.pair(entry.ids) : text.nameThis));
      words.appendChild(role);
      words.appendChild(by);
      words.appendChild(told);
      node.appendChild(words);
      Array.prototype.forEach.call(words.children, function (one) { one.setAttribute("dir", "auto"); });
      return { key: key, node: node, told: told, role: role, by: by };
    }
    function describe(node, words) {
      node.textContent = words || "";
      node.hidden = !words;
    }
    function lay(entries) {
      stops = [];
      tiles = entries.map(function (entry, index) {
        var tile = tileFor(entry), first = stops.length;
        tile.ids = entry.ids;
        tile.track = entry.track;
        tile.node.id = "card-" + index;
        describe(tile.role, entry.role);
        describe(tile.by, entry.by);
        page.character(entry.ids.length === 1 ? entry.ids[0] : "", function (words) { describe(tile.role, words); });
        (entry.ids.length ? entry.ids : [""]).forEach(function (id) { stops.push({ id: id, track: entry.track, card: index, ids: entry.ids }); });
        tile.node.onclick = function () { choose(first); page.open(); };
        return tile;
      });
      var row = $("cards"), wanted = tiles.map(function (tile) { return tile.node; });
      Array.from(row.children).forEach(function (node) { if (wanted.indexOf(node) < 0) { node.remove(); } });
      wanted.forEach(function (node, i) { if (row.children[i] !== node) { row.insertBefore(node, row.children[i] || null); } });
    }
    function show(answer) {
      if (isStale(answer)) { return; }
      var kept = now && stops[at], first = !now || now.press !== answer.press;
      now = answer;
      answer.people.forEach(function (p) { tv.learn(p.id, p.names); });
      var entries = entriesOf(answer);
      entries.forEach(function (e) {
        var told = before(e.seen_s);
        if (e.ids.length && first && tv.since(seen.get(e.ids[0])) > 1000 * e.seen_s) { sees(e.ids, told); }
      });
      lay(entries);
      head(answer, entries.length);
      $("answer").hidden = false;
      document.body.classList.add("asked");
      var largest = answer.people[0] || answer.ambiguous[0] || answer.unnamed[0];
      var wanted = stops.findIndex(function (s) { return kept ? s.id === kept.id && s.track === kept.track : largest && s.track === largest.track; });
      choose(Math.max(wanted, 0));
      follow();
      page.asked(first, answer, entries.length);
    }
    function head(answer, found) {
      var state = page.stateNow(), empty = page.blind() ? text[state] : text.idle;
      var others = answer.unnamed.length, named = answer.people.length + answer.ambiguous.length;
      tv.write("answer-title", named ? text.who : others ? text.nobody : empty);
      tv.write("answer-keys", found ? text.choose : text.close);
      tv.write("unnamed", others ? tv.count(named ? text.others : text.faces, others) + text.colon + page.reasons(answer.unnamed) : "");
      $("cards").hidden = !found;
      says(answer.texts || []);
    }
    function says(lines) { // the caption's own words: no tile, no name, nothing to open
      var told = lines.map(function (line) { return tv.fill(text.says, { text: line }); });
      if ($("says").textContent === told.join("")) { return; }
      $("says").textContent = "";
      told.forEach(function (words) { $("says").appendChild(make("li", "", words)).setAttribute("dir", "auto"); });
    }
    function choose(index) {
      at = Math.min(Math.max(index, 0), Math.max(stops.length - 1, 0));
      var stop = stops[at], row = $("cards"), many = tiles.length > IN_VIEW;
      tiles.forEach(function (tile, i) {
        var on = Boolean(stop) && i === stop.card;
        tile.node.classList.toggle("focus", on);
        tile.node.setAttribute("aria-selected", on ? "true" : "false");
        if (on) { bringIntoView(row, tile.node); }
      });
      tv.write("answer-count", many && stop ? tv.fill(text.place, { n: text.dir === "rtl" ? tiles.length - stop.card : stop.card + 1, of: tiles.length }) : "");
      row.setAttribute("aria-activedescendant", stop ? "card-" + stop.card : "");
      page.redraw();
    }
    function bringIntoView(row, node) { // within the safe area, with a peek at the next one
      var edge = EDGE * window.innerWidth, left = node.offsetLeft - edge, right = node.offsetLeft + node.offsetWidth + edge;
      if (row.scrollLeft > left) { row.scrollLeft = left; }
      else if (row.scrollLeft + row.clientWidth < right) { row.scrollLeft = right - row.clientWidth; }
    }
    function step(by) { // from tile to tile
      var here = stops[at], next = at + by;
      while (here && stops[next] && stops[next].card === here.card) { next += by; }
      if (!stops[next]) { return; }
      while (by < 0 && stops[next - 1] && stops[next - 1].card === stops[next].card) { next -= 1; }
      choose(next);
    }
    function close() {
      dismissed = now ? now.press : dismissed;
      now = null;
      stops = [];
      tiles = [];
      $("cards").textContent = "";
      $("answer").hidden = true;
      document.body.classList.remove("asked");
      $("radar").blur();
      page.redraw();
    }

    return { show: show, follow: follow, choose: choose, step: step, close: close,
      sees: function (scene) {
        var mark = tv.mark();
        scene.faces.forEach(function (face) { sees(face.id ? [face.id] : face.candidates || [], mark); });
      },
      forget: function () { seen.clear(); dismissed = 0; },
      isOpen: function () { return Boolean(now); },
      at: function () { return at; },
      stop: function () { return stops[at]; },
      stopAt: function (index) { return stops[index]; },
      place: function () { return { n: at + 1, of: stops.length }; } };
  };
})();
