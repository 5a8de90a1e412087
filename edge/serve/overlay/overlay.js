/* The overlay: one WebSocket in, boxes and cards out. Plain ES2018, for the browsers of old TVs.
   Every text from outside goes through textContent, so that a name is never markup. */
(function () {
  "use strict";

  var TEXT = {
    en: { radar: "Radar", offline: "Offline, trying again", nosignal: "No signal", ended: "The programme has ended", scanning: "Looking",
      idle: "Nobody on screen", names: "On screen: ", either: "Hard to tell apart", unknown: "Nobody known on screen", now: "On screen", gone: "Just gone",
      who: "Who is on screen", nobody: "Nobody here is known", or: " or ", retry: "One moment",
      keys: "X: not this person · Back: close", as: " as ",
      why: { too_small: "too far away", blurred: "blurred", profile: "turned away", below_threshold: "not known", ambiguous: "one of two" },
      unnamed: "Without a name: ", refused: "Thank you. That name is taken back." },
    zh: { radar: "雷达", offline: "已断开,正在重连", nosignal: "无信号", ended: "节目已结束", scanning: "识别中",
      idle: "画面中没有人", names: "画面中:", either: "难以区分", unknown: "画面中没有已知人物", now: "正在画面中", gone: "刚刚离开",
      who: "画面中的人物", nobody: "没有认出任何人", or: " 或 ", retry: "请稍候",
      keys: "X:不是此人 · 返回:关闭", as: " 饰 ",
      why: { too_small: "太远", blurred: "模糊", profile: "侧面", below_threshold: "未知", ambiguous: "两人之一" },
      unnamed: "未识别:", refused: "谢谢,已撤回此名字。" }
  };

  var query = new URLSearchParams(location.search);
  var wanted = query.get("lang") || navigator.language || "en";
  var lang = /^zh/i.test(wanted) ? "zh" : "en";
  var text = TEXT[lang];
  var offsetMs = Number(query.get("offset_ms")) || 0;
  document.documentElement.lang = lang === "zh" ? "zh-Hans" : "en";

  function $(id) { return document.getElementById(id); }
  function make(tag, className, content) {
    var node = document.createElement(tag);
    if (className) { node.className = className; }
    if (content !== undefined) { node.textContent = content; }
    return node;
  }
  function say(texts) {
    if (typeof texts === "string") { return texts; }
    return (texts && (texts[lang] || texts.en || texts[Object.keys(texts)[0]])) || "";
  }

  var live = { connected: false, source: "connecting", scene: null, answer: null, focus: 0, open: null, preview: false };
  var boxes = new Map();

  /* --- boxes ------------------------------------------------------------------------------- */
  function labelOf(face, names) {
    if (face.id) { return say(names[face.id]) || face.id; }
    if (face.why === "ambiguous" && face.candidates.length > 1) {
      return face.candidates.map(function (id) { return say(names[id]) || id; }).join(text.or);
    }
    return "";
  }
  function drawFaces(scene) {
    var width = scene.size[0], height = scene.size[1], seen = new Set();
    $("picture").style.setProperty("--aspect", width / height);
    scene.faces.forEach(function (face) {
      seen.add(face.track);
      var box = boxes.get(face.track);
      if (!box) {
        box = make("div", "face");
        box.appendChild(make("span", "label"));
        boxes.set(face.track, box);
        $("faces").appendChild(box);
      }
      var b = face.box, label = labelOf(face, scene.names);
      box.style.left = 100 * b[0] / width + "%";
      box.style.top = 100 * b[1] / height + "%";
      box.style.width = 100 * (b[2] - b[0]) / width + "%";
      box.style.height = 100 * (b[3] - b[1]) / height + "%";
      box.className = "face" + (face.id ? " named" : face.why === "ambiguous" ? " either" : "") +
        (b[3] > 0.86 * height ? " low" : "") + (box.classList.contains("pressed") ? " pressed" : "");
      box.dataset.track = face.track;
      box.dataset.id = face.id || "";
      box.firstChild.textContent = label;
      box.firstChild.hidden = !label;
    });
    boxes.forEach(function (box, track) {
      if (!seen.has(track)) { box.remove(); boxes.delete(track); }
    });
  }
  function show(scene) {
    live.scene = scene;
    drawFaces(scene);
    tell();
  }

  /* --- the line at the top ------------------------------------------------------------------ */
  function tell() {
    var state = "offline", line = text.offline, scene = live.scene;
    if (live.connected && live.source === "ended") { state = "nosignal"; line = text.ended; }
    else if (live.connected && live.source === "lost") { state = "nosignal"; line = text.nosignal; }
    else if (live.connected && (!scene || live.source === "connecting")) { state = "scanning"; line = text.scanning; }
    else if (live.connected) {
      var named = scene.faces.filter(function (f) { return f.id; });
      if (named.length) { state = "names"; line = text.names + named.map(function (f) { return labelOf(f, scene.names); }).join(lang === "zh" ? "、" : ", "); }
      else if (scene.faces.some(function (f) { return f.why === "ambiguous"; })) { state = "either"; line = text.either; }
      else if (scene.faces.length) { state = "unknown"; line = text.unknown; }
      else { state = "idle"; line = text.idle; }
    }
    document.body.dataset.state = state;
    if ($("status-text").textContent !== line) { $("status-text").textContent = line; }
    if (!live.connected || live.source === "lost") { $("faces").textContent = ""; boxes.clear(); }
  }

  /* --- the radar's answer ------------------------------------------------------------------- */
  function press() {
    fetch("api/press", { method: "POST", body: "{}" }).then(function (response) {
      if (!response.ok) { throw new Error(response.status); }
      return response.json();
    }).then(showAnswer).catch(function () { $("spoken").textContent = text.retry; });
  }
  function showAnswer(answer) {
    if (answer.refined && (!live.answer || live.answer.press !== answer.press)) { return; }
    var focused = live.answer && live.answer.people[live.focus];
    live.answer = answer;
    var list = $("cards");
    list.textContent = "";
    answer.people.forEach(function (person) {
      var card = make("li", "card" + (person.present === "now" ? "" : " gone"));
      card.setAttribute("role", "option");
      card.dataset.id = person.id;
      var photo = make("img");
      photo.alt = "";
      photo.src = "api/people/" + encodeURIComponent(person.id) + "/photo";
      card.appendChild(photo);
      var words = make("div");
      words.appendChild(make("strong", "", say(person.names)));
      words.appendChild(make("span", "", say(person.role)));
      words.appendChild(make("em", "", person.present === "now" ? text.now : text.gone));
      card.appendChild(words);
      card.addEventListener("click", function () { focus(answer.people.indexOf(person)); openCard(); });
      list.appendChild(card);
      if (!answer.refined) { ping(person.track); }
    });
    (answer.ambiguous || []).forEach(function (either) {
      var card = make("li", "card"), words = make("div");
      card.appendChild(make("div", "blank", "?"));
      var names = live.scene ? live.scene.names : {};
      words.appendChild(make("strong", "", either.candidates.slice(0, 2).map(function (c) { return say(names[c.id]) || c.id; }).join(text.or)));
      words.appendChild(make("span", "", text.either));
      card.appendChild(words);
      list.appendChild(card);
    });
    var reasons = (answer.unnamed || []).map(function (face) { return text.why[face.why] || face.why; });
    $("unnamed").textContent = reasons.length ? text.unnamed + reasons.join(lang === "zh" ? "、" : ", ") : "";
    var found = answer.people.length + (answer.ambiguous || []).length;
    $("answer-title").textContent = found ? text.who : text.nobody;
    $("answer").hidden = false;
    $("spoken").textContent = found ? answer.people.map(function (p) { return say(p.names); }).join(", ") : text.nobody;
    var kept = focused ? answer.people.findIndex(function (p) { return p.id === focused.id; }) : 0;
    focus(Math.max(kept, 0));
  }
  function ping(track) {
    var box = boxes.get(track);
    if (box) { box.classList.remove("pressed"); void box.offsetWidth; box.classList.add("pressed"); }
  }
  function focus(index) {
    var cards = $("cards").children;
    live.focus = Math.min(Math.max(index, 0), Math.max(live.answer.people.length - 1, 0));
    Array.prototype.forEach.call(cards, function (card, i) {
      card.classList.toggle("focus", i === live.focus);
      card.setAttribute("aria-selected", i === live.focus ? "true" : "false");
    });
    if (cards[live.focus] && cards[live.focus].scrollIntoView) { cards[live.focus].scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }
  function closeAnswer() { $("answer").hidden = true; live.answer = null; live.focus = 0; }

  /* --- one person's card ---------------------------------------------------------------------- */
  function openCard() {
    var entry = live.answer && live.answer.people[live.focus];
    if (!entry) { return; }
    live.open = entry;
    fetch("api/people/" + encodeURIComponent(entry.id)).then(function (response) {
      if (!response.ok) { throw new Error(response.status); }
      return response.json();
    }).then(function (person) {
      if (!live.open || live.open.id !== person.id) { return; }
      $("card-name").textContent = say(person.names);
      $("card-role").textContent = say(person.role);
      $("card-biography").textContent = say(person.biography);
      $("card-keys").textContent = text.keys;
      $("card-photo").hidden = !person.photo;
      if (person.photo) { $("card-photo").src = "api/people/" + encodeURIComponent(person.id) + "/photo"; }
      var works = $("card-works");
      works.textContent = "";
      (person.works || []).slice(0, 5).forEach(function (work) {
        works.appendChild(make("li", "", say(work.title) + (work.year ? " (" + work.year + ")" : "") + (work.role ? text.as + work.role : "")));
      });
      $("card").hidden = false;
      $("card-name").focus();
    }).catch(function () { live.open = null; $("spoken").textContent = text.retry; });
  }
  function closeCard() { $("card").hidden = true; live.open = null; }
  function notThisPerson() {
    var entry = live.open;
    fetch("api/feedback", { method: "POST", body: JSON.stringify({ track: entry.track, id: entry.id }) }).then(function () {
      closeCard(); closeAnswer();
      $("spoken").textContent = text.refused;
    }).catch(function () { $("spoken").textContent = text.retry; });
  }

  /* --- keys: a keyboard's and those of Tizen, webOS and Android TV remotes ------------------- */
  var KEYS = { r: "radar", R: "radar", ColorF0Red: "radar", ArrowLeft: "left", ArrowRight: "right", Enter: "ok", Select: "ok",
    Escape: "back", Backspace: "back", GoBack: "back", BrowserBack: "back", XF86Back: "back", x: "not", X: "not" };
  var CODES = { 403: "radar", 10009: "back", 461: "back" };
  document.addEventListener("keydown", function (event) {
    var key = KEYS[event.key] || CODES[event.keyCode];
    if (!key || event.repeat || event.ctrlKey || event.altKey || event.metaKey) { return; }
    if (key === "ok" && document.activeElement === $("radar") && !live.answer) { return; }
    event.preventDefault();
    if (key === "radar") { closeCard(); press(); }
    else if (live.open) { if (key === "back") { closeCard(); } else if (key === "not") { notThisPerson(); } }
    else if (live.answer) {
      if (key === "left") { focus(live.focus - 1); }
      if (key === "right") { focus(live.focus + 1); }
      if (key === "ok") { openCard(); }
      if (key === "back") { closeAnswer(); }
    } else if (key === "ok") { press(); }
  });
  $("radar").addEventListener("click", function () { closeCard(); press(); });

  /* --- connections, made again with a growing and random delay ------------------------------- */
  function address(path) {
    return (location.protocol === "https:" ? "wss://" : "ws://") + location.host + path;
  }
  function connect(path, binary, onMessage, onState) {
    var wait = 250;
    (function open() {
      var socket = new WebSocket(address(path));
      socket.binaryType = "arraybuffer";
      socket.onopen = function () { wait = 250; onState(true); };
      socket.onmessage = function (event) { onMessage(binary ? event.data : JSON.parse(event.data)); };
      socket.onclose = function () {
        onState(false);
        wait = Math.min(wait * 2, 10000);
        setTimeout(open, wait * Math.random());
      };
    })();
  }
  function onLive(message) {
    if (message.type === "scene" && !live.preview) {
      if (offsetMs > 0) { setTimeout(show, offsetMs, message); } else { show(message); }
    } else if (message.type === "answer") { showAnswer(message); }
    else if (message.type === "state") { live.source = message.source; tell(); }
    else if (message.type === "hello") {
      var notice = say(message.notice);
      $("notice").textContent = notice;
      $("notice").hidden = !notice;
      if (message.preview && !live.preview) { live.preview = true; startPreview(); }
    }
  }
  function startPreview() {
    document.body.classList.add("preview");
    var canvas = $("video"), pen = canvas.getContext("2d"), decoder = new TextDecoder();
    connect("/api/preview", true, function (buffer) {
      var length = new DataView(buffer).getUint32(0, true);
      var scene = JSON.parse(decoder.decode(new Uint8Array(buffer, 4, length)));
      createImageBitmap(new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" })).then(function (image) {
        if (canvas.width !== image.width || canvas.height !== image.height) { canvas.width = image.width; canvas.height = image.height; }
        pen.drawImage(image, 0, 0);
        image.close();
        show(scene);
      });
    }, function () {});
  }

  $("radar-text").textContent = text.radar;
  connect("/api/live", false, onLive, function (connected) { live.connected = connected; tell(); });
  tell();
})();
