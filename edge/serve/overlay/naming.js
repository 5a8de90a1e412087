/* "Name this face": a name written by the arrows, a keyboard or a telephone; a question; a yes. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, text = tv.text;
  var COLUMNS = 10, MOST = 64, UNDO_MS = 8000;

  tv.naming = function (page) {
    var open = false, sure = false, name = "", at = 0, keys = [], pairing = 0;

    /* --- opening and closing ------------------------------------------------------------------ */
    function begin(stop) {
      tv.post("api/naming", { track: stop.track }).then(function (response) {
        if (response.ok) { return response.json().then(show); }
        page.toast.show(text.gonealready);
      }).catch(function (error) { page.toast.show(error.message === "409" ? text.poor : text.retry); });
    }
    function show(begun) {
      open = true;
      name = "";
      at = 0;
      tv.write("naming-title", text.nameThis);
      $("naming-face").textContent = "?";
      if (begun.photo) { photo(begun.track); }
      build();
      ask(false);
      $("naming").hidden = false;
      document.body.classList.add("naming");
      page.moved();
      focus();
    }
    function photo(track) {
      var image = tv.make("img");
      image.alt = "";
      image.onload = function () { $("naming-face").textContent = ""; $("naming-face").appendChild(image); };
      image.src = tv.api("api/naming/photo?track=" + track);
    }
    function hide() {
      open = false;
      $("naming").hidden = true;
      document.body.classList.remove("naming");
      page.moved();
    }
    function cancel() {
      hide();
      tv.post("api/naming/cancel", {}).catch(function () { /* it is forgotten in five minutes */ });
      if (page.answer.isOpen()) { $("cards").focus({ preventScroll: true }); }
    }

    /* --- writing ------------------------------------------------------------------------------ */
    function build() {
      $("naming-letters").textContent = "";
      keys = Array.from(text.letters).concat([" ", "erase", "done"]).map(function (key, i) {
        var words = key === " " ? text.space : text[key] || key, node = tv.make("button", key.length > 1 || key === " " ? "wide" : "", words);
        node.type = "button";
        node.tabIndex = -1;
        node.addEventListener("click", function () { at = i; press(); });
        $("naming-letters").appendChild(node);
        return { key: key, node: node };
      });
    }
    function write(letter) {
      if (Array.from(name).length >= MOST) { return; }
      var first = !name || name[name.length - 1] === " ";
      name += first ? letter : letter.toLowerCase();
      told();
    }
    function erase() {
      name = Array.from(name).slice(0, -1).join("");
      told();
    }
    function told() { tv.write("naming-name", name + (sure ? "" : "|")); }
    function press() {
      var key = keys[at].key;
      if (key === "erase") { erase(); }
      else if (key === "done") { if (name.trim()) { ask(true); } }
      else { write(key); }
      focus();
    }
    function ask(now) {
      sure = now;
      var host = location.hostname === "localhost" || /^127\./.test(location.hostname) ? "" : location.origin + "/phone";
      tv.write("naming-help", sure ? tv.fill(text.nameSure, { name: name.trim() }) : page.live.phone && host ? tv.fill(text.nameHelp, { url: host }) : "");
      tv.write("naming-no", text.no);
      tv.write("naming-yes", text.yes);
      tv.write("naming-keys", text.nameKeys);
      $("naming").classList.toggle("sure", sure);
      told();
      if (sure) { tv.speak($("naming-help").textContent); }
    }
    function focus() {
      if (sure) { if (document.activeElement !== $("naming-yes")) { $("naming-no").focus({ preventScroll: true }); } return; }
      keys.forEach(function (one, i) { one.node.classList.toggle("focus", i === at); });
      keys[at].node.focus({ preventScroll: true });
    }
    function move(by) {
      if (sure) { $(by > 0 ? "naming-yes" : "naming-no").focus({ preventScroll: true }); return; }
      at = Math.min(Math.max(at + by, 0), keys.length - 1);
      focus();
    }
    function sideways(by) { move(text.dir === "rtl" ? -by : by); }
    function back() {
      if (!sure) { cancel(); return; }
      ask(false);
      focus();
    }
    function ok() {
      if (!sure) { press(); }
      else if (document.activeElement === $("naming-yes")) { save(); }
      else { back(); }
    }
    function typed(event) { // a keyboard writes; true where it did
      if (!open || sure || event.ctrlKey || event.altKey || event.metaKey) { return false; }
      if (event.key === "Backspace" && name) { erase(); return true; }
      if (Array.from(event.key).length !== 1) { return false; }
      write(event.key);
      return true;
    }

    /* --- keeping, and erasing again ------------------------------------------------------------ */
    function save() {
      tv.post("api/naming/save", { name: name.trim(), yes: true }).then(function (response) {
        if (!response.ok) { hide(); page.toast.show(text.gonealready); } // a name comes by `kept`, as from a telephone
      }).catch(function () { page.toast.show(text.retry); });
    }
    function kept(message) {
      if (open) { hide(); }
      if (!message.id) { return; }
      page.closeAll();
      tv.learn(message.id, { en: message.name });
      page.toast.show(tv.fill(text.named, { name: message.name }), function () { forget(message.id); }, UNDO_MS);
    }
    function forget(id) {
      tv.post("api/naming/undo", { id: id }).then(function (response) { page.toast.show(response.ok ? text.forgotten : text.gonealready); })
        .catch(function () { page.toast.show(text.retry); });
    }
    $("naming-no").addEventListener("click", back);
    $("naming-yes").addEventListener("click", save);

    /* --- the code that a telephone is let in by ------------------------------------------------- */
    function pair(message) {
      clearTimeout(pairing);
      tv.write("pairing-text", text.pairCode);
      tv.write("pairing-code", message.code.replace(/(...)(?=.)/, "$1 "));
      $("pairing").hidden = !message.code;
      page.moved();
      if (message.code) { pairing = setTimeout(function () { pair({ code: "" }); }, 1000 * message.seconds); }
    }

    return { begin: begin, kept: kept, forget: forget, pair: pair, typed: typed, isOpen: function () { return open; },
      keys: { back: back, ok: ok, left: function () { sideways(-1); }, right: function () { sideways(1); },
        up: function () { move(-COLUMNS); }, down: function () { move(COLUMNS); } } };
  };
})();
