/* Asks the demonstration five times a second what happened; texts go through textContent. */
(function () {
  "use strict";

  var words = { enrolled: "enrolled", unnamed: "on screen without a name", signed: "signed", published: "published",
    verified: "verified", fetched: "fetched", installed: "installed", named: "named", refused: "refused" };
  var shown = "";

  function $(id) { return document.getElementById(id); }
  function make(tag, content) {
    var node = document.createElement(tag);
    node.textContent = content;
    return node;
  }
  function write(id, content) { if ($(id).textContent !== content) { $(id).textContent = content; } }
  function heading(state) {
    return { ready: "A stranger in the film", busy: "A release under way", done: state.name + " has a name",
      failed: "It did not work" }[state.state] || "A stranger in the film";
  }
  function tell(state) {
    var named = state.events.find(function (event) { return event.what === "named"; });
    if (state.state === "failed") { return "It did not work: " + state.error; }
    if (named) { return state.name + " has a name, " + named.s.toFixed(2) + " s after the publisher began to sign."; }
    return state.state === "busy" ? "Under way: enrolling, then waiting until she is on screen …" : "";
  }
  function show(state) {
    var text = JSON.stringify(state);
    if (text === shown) { return; }
    shown = text;
    $("broker").textContent = "Releases come " + state.broker + ".";
    $("publish").disabled = state.state !== "ready";
    $("told").textContent = tell(state);
    write("title", heading(state));
    $("events").textContent = "";
    state.events.slice().sort(function (a, b) { return a.s - b.s; }).forEach(function (event) {
      var item = make("li", words[event.what] || event.what);
      item.setAttribute("data-what", event.what);
      item.insertBefore(make("time", event.s < 0 ? "before" : "+" + event.s.toFixed(2) + " s"), item.firstChild);
      item.appendChild(make("small", event.detail));
      $("events").appendChild(item);
    });
  }
  function ask() {
    fetch("api/demo").then(function (response) {
      if (response.ok) { return response.json().then(show); }
    }).catch(function () { $("told").textContent = "The demonstration has ended."; });
  }

  $("publish").addEventListener("click", function () {
    $("publish").disabled = true;
    fetch("api/demo/publish", { method: "POST" }).then(ask);
    $("tv").focus();
  });
  $("tv").addEventListener("load", function () { $("tv").focus(); }); // R and the arrows go to the TV
  setInterval(ask, 200);
  ask();
})();
