/* The line at the top and the words in the middle: what is true now, without flicker. */
(function () {
  "use strict";

  var tv = window.tvradar, text = tv.text;
  /* A cut, a dissolve or a face that turns away for a moment is no news: less is said only after
     SETTLE_MS of it, and whatever is said stays for DWELL_MS. That there is no picture is said at once. */
  var SETTLE_MS = 700, DWELL_MS = 500, REST_MS = 4000, STALE_MS = 1500;
  var RANK = { idle: 0, scanning: 1, unknown: 2, either: 3, names: 4 };

  tv.status = function (page) {
    var shown = { state: "", line: "", at: 0 }, lower = 0, woken = 0;

    function now() {
      var live = page.live, scene = live.scene;
      if (!live.connected || tv.since(live.heard) > STALE_MS) { return live.source === "ended" ? "ended" : "offline"; }
      if (live.source === "ended") { return "ended"; }
      if (live.source === "lost") { return "nosignal"; }
      if (live.source === "connecting" || !scene) { return "connecting"; }
      if (tv.since(live.shown) > STALE_MS) { return "nosignal"; }
      var faces = scene.faces;
      if (faces.some(function (f) { return f.id; })) { return "names"; }
      if (faces.some(function (f) { return f.why === "ambiguous"; })) { return "either"; }
      if (faces.some(function (f) { return !f.why; })) { return "scanning"; }
      return faces.length ? "unknown" : "idle";
    }
    function reasons(faces) {
      return once(faces.map(function (face) { return text.why[face.why] || face.why; }));
    }
    function middle(face) { return face.box[0] + face.box[2]; }
    function inOrder(faces) { // as one reads the picture: a line that begins at the right begins with who is there
      var way = text.dir === "rtl" ? -1 : 1;
      return faces.slice().sort(function (a, b) { return way * (middle(a) - middle(b)); });
    }
    function once(words) { return Array.from(new Set(words)).map(tv.isolate).join(text.comma); }
    function helpFor(state) { // without a picture there is help, and no face
      if (state === "ended") { return page.canStart() ? text.endedStart : text.endedHelp; }
      return text[state + "Help"] || "";
    }
    function lineOf(state) {
      var faces = page.live.scene ? inOrder(page.live.scene.faces) : [];
      if (state === "unknown") { return text.unknown + text.colon + reasons(faces); }
      if (state === "either") {
        return once(faces.filter(function (f) { return f.why === "ambiguous"; }).map(page.labelOf));
      }
      if (state !== "names") { return text[state]; }
      return text.names + once(faces.filter(function (f) { return f.id; }).map(page.labelOf));
    }
    function tell() {
      var state = now(), line = lineOf(state), at = performance.now(), help = helpFor(state), before = helpFor(shown.state);
      if (!help && shown.state) {
        if (before || RANK[state] >= RANK[shown.state]) { lower = 0; } else { lower = lower || at; }
        if (lower && at - lower < SETTLE_MS || at - shown.at < DWELL_MS) { state = shown.state; line = shown.line; help = before; }
      }
      if (state !== shown.state || line !== shown.line) { change(state, line, help, at); }
      else { tv.write("message-help", help); }
      document.body.classList.toggle("resting", at - woken > REST_MS);
    }
    function change(state, line, help, at) {
      if (state !== shown.state && (help || page.tellsAlways())) { tv.speak(line + (help ? text.stop + help : "")); }
      shown = { state: state, line: line, at: at };
      lower = 0;
      wake();
      document.body.dataset.state = state;
      document.body.classList.toggle("telling", Boolean(help));
      tv.write("status-text", line);
      tv.write("message-text", help ? line : "");
      tv.write("message-help", help);
      if (help) { page.noPicture(); }
      page.moved();
    }
    function wake() { woken = performance.now(); document.body.classList.remove("resting"); page.moved(); }

    return { tell: tell, now: now, wake: wake, reasons: reasons, once: once,
      blind: function () { return Boolean(helpFor(now())); },
      wordsFor: function (state) { return text[state]; } };
  };
})();
