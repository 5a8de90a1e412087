/* Keys: a keyboard's, and those of Tizen, webOS, RDK and Android TV remotes. */
(function () {
  "use strict";

  var KEYS = { r: "radar", R: "radar", ColorF0Red: "radar", ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
    Enter: "ok", Select: "ok", Accept: "ok", Escape: "back", Backspace: "back", GoBack: "back", BrowserBack: "back",
    XF86Back: "back", x: "not", X: "not", ColorF1Green: "not" };
  /* red and green; OK (23 is Android's DPAD_CENTER); arrows; Back of keyboards, Android, webOS, Tizen */
  var CODES = { 403: "radar", 404: "not", 13: "ok", 23: "ok", 37: "left", 38: "up", 39: "right", 40: "down",
    8: "back", 27: "back", 4: "back", 461: "back", 10009: "back" };
  var ONCE = { radar: true, ok: true, not: true };

  /* `find` returns what a key does now, or nothing; `typed` takes letters where somebody writes. */
  window.tvradar.keys = function (find, typed) {
    document.addEventListener("keydown", function (event) {
      if (typed(event)) { event.preventDefault(); return; }
      var key = KEYS[event.key] || CODES[event.keyCode];
      if (!key || event.ctrlKey || event.altKey || event.metaKey) { return; }
      if (event.repeat && ONCE[key]) { event.preventDefault(); return; }
      var action = find(key);
      if (action) { event.preventDefault(); action(); }
    });
    if (window.tizen && window.tizen.tvinputdevice) { // Tizen keeps colour keys to itself unless asked
      ["ColorF0Red", "ColorF1Green"].forEach(function (key) { window.tizen.tvinputdevice.registerKey(key); });
    }
  };
})();
