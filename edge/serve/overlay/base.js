/* What every part of the page uses: the language, elements, names, and the age of what was heard.
   Plain ES2018, for the browsers of old TVs. Every text from outside goes through textContent, so
   that a name is never markup. */
window.tvradar = (function () {
  "use strict";

  var LABEL_CHARACTERS = 22;
  var query = new URLSearchParams(location.search), texts = window.tvradarTexts;

  /* --- the language: one file each, `languages/` -------------------------------------------- */
  function choose() {
    var wanted = [query.get("lang")].concat(navigator.languages || [navigator.language]);
    for (var i = 0; i < wanted.length; i += 1) {
      var base = String(wanted[i] || "").toLowerCase().split("-")[0];
      if (texts[base]) { return base; }
    }
    return "en";
  }
  var lang = choose(), text = texts[lang];
  document.documentElement.lang = text.tag;
  document.documentElement.dir = text.dir;
  var plural = new Intl.PluralRules(text.tag);

  /* A name of the other direction keeps its own within a line, and moves nothing beside it. */
  var RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
  function isolate(words) {
    return typeof words === "string" && (text.dir === "rtl" || RIGHT_TO_LEFT.test(words)) ? "\u2068" + words + "\u2069" : words;
  }
  function fill(template, values) {
    return template.replace(/\{(\w+)\}/g, function (whole, key) { return key in values ? isolate(values[key]) : whole; });
  }
  function count(forms, n) { return fill(forms[plural.select(n)] || forms.other, { n: n }); }

  /* --- elements ----------------------------------------------------------------------------- */
  function $(id) { return document.getElementById(id); }
  function make(tag, className, content) {
    var node = document.createElement(tag);
    if (className) { node.className = className; }
    if (content !== undefined) { node.textContent = content; }
    return node;
  }
  function write(id, content) { if ($(id).textContent !== content) { $(id).textContent = content; } }
  function url(id, rest) { return "api/people/" + encodeURIComponent(id) + (rest || ""); }
  /* In a frame of another site's page, a dashboard, no cookie goes along: the token does. */
  var token = query.get("token");
  function api(path) { return token ? path + (path.indexOf("?") < 0 ? "?" : "&") + "token=" + encodeURIComponent(token) : path; }
  function post(path, body) {
    return fetch(api(path), { method: "POST", body: JSON.stringify(body) }).then(function (response) {
      if (!response.ok && response.status !== 404) { throw new Error(response.status); }
      return response;
    });
  }
  function read(path) {
    return fetch(api(path)).then(function (response) {
      if (!response.ok) { throw new Error(response.status); }
      return response.json();
    });
  }

  /* --- names -------------------------------------------------------------------------------- */
  var known = new Map(), asked = new Set();
  function say(words) {
    if (typeof words === "string") { return words; }
    if (!words) { return ""; }
    var close = Object.keys(words).find(function (key) { return key.split("-")[0] === lang; });
    return words[lang] || words[close] || words.en || words[Object.keys(words)[0]] || "";
  }
  function learn(id, names) { // a scene has English and Chinese names, where there is room; a person's page all
    var before = known.get(id);
    if (names && !(before && before[lang])) { known.set(id, names); }
    if (names && (lang === "en" || lang === "zh") || asked.has(id)) { return; }
    asked.add(id);
    read(url(id)).then(function (person) { known.set(id, person.names); }).catch(function () { asked.delete(id); });
  }
  function nameOf(id) { return say(known.get(id)) || id; }
  function short(name) { // whole characters, not halves of them
    var letters = Array.from(name);
    return letters.length > LABEL_CHARACTERS ? letters.slice(0, LABEL_CHARACTERS - 1).join("").trim() + "…" : name;
  }

  /* What was last heard has an age, whatever the device says or no longer says. A TV that sleeps
     stops the one clock, setting its time moves the other: the one that tells of more time counts. */
  function mark() { return { up: performance.now(), wall: Date.now() }; }
  function since(then) { return then ? Math.max(performance.now() - then.up, Date.now() - then.wall) : Infinity; }

  /* What a screen reader is told, once each: nothing else on the page is a live region. */
  var said = "", saidAt = null;
  function speak(words) {
    if (!words || words === said && since(saidAt) < 3000) { return; }
    said = words;
    saidAt = mark();
    write("spoken", "");
    write("spoken", words);
  }

  return { query: query, lang: lang, text: text, fill: fill, isolate: isolate, count: count, $: $, make: make, write: write,
    url: url, api: api, post: post, read: read, say: say, learn: learn, knows: function (id) { return known.has(id); }, nameOf: nameOf, short: short, mark: mark, since: since, speak: speak };
})();
