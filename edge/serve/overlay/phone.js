/* The page of a telephone: let in by a code on the television; a remote control; a name for a face. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, text = tv.text, waiting = false, paired = false;

  function send(path, body) { return fetch(path, { method: "POST", body: JSON.stringify(body) }); }
  function tell(words) { tv.write("told", words || ""); }
  function label() {
    var words = { title: text.phoneTitle, ask: text.phoneAsk, "code-label": text.phoneCode, "pair-button": text.phonePair, radar: text.radar,
      nobody: text.phoneNobody, "name-title": text.nameThis, "name-label": text.phoneName, "yes-label": text.phoneYes, save: text.phoneSave,
      cancel: text.phoneCancel, end: text.phoneEnd };
    Object.keys(words).forEach(function (id) { tv.write(id, words[id]); });
  }
  function show(isPaired) {
    paired = isPaired;
    $("pair").hidden = paired;
    $("remote").hidden = !paired;
    if (paired) { look(); }
  }

  /* --- being let in --------------------------------------------------------------------------- */
  $("ask").addEventListener("click", function () {
    send("api/phone/ask", {}).then(function (response) { tell(response.ok ? "" : text.phoneWait); if (response.ok) { $("code").focus(); } });
  });
  $("pair").addEventListener("submit", function (event) {
    event.preventDefault();
    send("api/phone/pair", { code: $("code").value.replace(/\D/g, "") }).then(function (response) {
      tell(response.ok ? "" : response.status === 429 ? text.phoneWait : text.phoneWrong);
      $("code").value = "";
      if (response.ok) { show(true); }
    });
  });
  $("end").addEventListener("click", function () { send("api/phone/forget", {}).then(function () { show(false); }); });

  /* --- the remote control ---------------------------------------------------------------------- */
  Array.prototype.forEach.call(document.querySelectorAll("[data-key]"), function (button) {
    button.addEventListener("click", function () {
      send("api/phone/key", { key: button.dataset.key }).then(function (response) { if (response.status === 401) { show(false); } });
    });
  });

  /* --- a name ---------------------------------------------------------------------------------- */
  function look() {
    fetch("api/naming").then(function (response) { return response.ok ? response.json() : { waiting: false }; }).then(function (state) {
      if (state.waiting && !waiting) {
        $("name").value = "";
        $("yes").checked = false;
        $("photo").hidden = !state.photo;
        if (state.photo) { $("photo").src = "api/naming/photo?" + Date.now(); }
      }
      waiting = state.waiting;
      $("name-form").hidden = !waiting;
      $("nobody").hidden = waiting;
    }).catch(function () { /* the device comes back, or does not */ });
  }
  $("name-form").addEventListener("submit", function (event) {
    event.preventDefault();
    if (!$("yes").checked || !$("name").value.trim()) { $($("name").value.trim() ? "yes" : "name").focus(); return; }
    send("api/naming/save", { name: $("name").value.trim(), yes: true }).then(function (response) {
      tell(response.ok ? tv.fill(text.named, { name: $("name").value.trim() }) : text.gonealready);
      look();
    });
  });
  $("cancel").addEventListener("click", function () { send("api/naming/cancel", {}).then(look); });

  label();
  fetch("api/phone").then(function (response) { return response.json(); }).then(function (state) { show(state.paired); });
  setInterval(function () { if (paired) { look(); } }, 1000);
})();
