/* "Only watch this person": the scenes of one person, and going from one to the next.
   The device says when somebody was seen and seeks; where it cannot, the list says why. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, make = tv.make, write = tv.write, text = tv.text;
  var PATIENCE_MS = 5000, SLACK_S = 0.3;

  window.tvradar.only = function (page) {
    /* items: what the row shows, "Continue" first where somebody left off; left: where, by person */
    var list = null, at = 0, watch = null, left = new Map();

    function clock(seconds) {
      var whole = Math.max(0, Math.floor(seconds)), rest = whole % 60, minutes = Math.floor(whole / 60);
      var tail = (rest < 10 ? "0" : "") + rest, inHour = minutes % 60;
      return minutes < 60 ? minutes + ":" + tail : Math.floor(minutes / 60) + ":" + (inHour < 10 ? "0" : "") + inHour + ":" + tail;
    }
    function length(seconds) { return seconds < 60 ? tv.fill(text.seconds, { n: Math.max(1, Math.round(seconds)) }) : clock(seconds); }
    function read(id) { return tv.read(tv.url(id, "/scenes")); }

    /* --- the panel -------------------------------------------------------------------------- */
    function open(id, name) {
      return read(id).then(function (found) {
        list = { id: id, name: name, intervals: found.intervals, fixed: found.fixed, items: itemsOf(id, found) };
        fill(found);
        $("only").hidden = false;
        document.body.classList.add("only");
        choose(nearest());
        makeRoom();
        $("only-scenes").focus({ preventScroll: true });
      });
    }
    function itemsOf(id, found) {
      var stills = found.stills || [], place = left.get(id);
      var items = found.intervals.map(function (one, i) {
        return { from_s: one.start_s, scene: i, words: clock(one.start_s), more: length(one.end_s - one.start_s), still: stills[i] };
      });
      var scene = found.intervals.findIndex(function (one) { return place > one.start_s + SLACK_S && place < one.end_s - SLACK_S; });
      if (scene >= 0 && !found.fixed) {
        items.unshift({ from_s: place, scene: scene, words: "▶ " + text.goOn, more: clock(place), still: stills[scene] });
      }
      return items;
    }
    function nearest() { // where somebody left off, the scene that is running, or the last one before it
      var now = page.position(), found = 0;
      if (now === null || list.items.length > list.intervals.length) { return 0; }
      list.items.forEach(function (one, i) { if (one.from_s <= now) { found = i; } });
      return found;
    }
    function fill(found) {
      var count = list.intervals.length, end = found.duration_s || 0;
      write("only-title", tv.fill(text.onlyTitle, { name: list.name }));
      write("only-sum", count ? tv.count(text.scenes, count) + " · " + length(found.seconds) : text.noScenes);
      write("only-why", list.fixed ? text.fixed[list.fixed] || text.fixed.fixed : "");
      write("only-keys", list.fixed || !count ? text.onlyKeysFixed : text.onlyKeys);
      $("only").classList.toggle("fixed", Boolean(list.fixed));
      $("only-bar").textContent = "";
      $("only-bar").hidden = !end;
      $("only-scenes").textContent = "";
      $("only").classList.toggle("pictured", Boolean(found.stills));
      list.items.forEach(function (one, i) {
        var scene = make("li", "scene");
        scene.id = "scene-" + i;
        scene.setAttribute("role", "option");
        scene.setAttribute("aria-disabled", list.fixed ? "true" : "false");
        if (found.stills) { scene.appendChild(still(one.still)); }
        scene.appendChild(make("strong", "", one.words));
        scene.appendChild(make("span", "", one.more));
        scene.addEventListener("click", function () { choose(i); play(); });
        $("only-scenes").appendChild(scene);
      });
      list.intervals.forEach(function (one) {
        if (end) {
          var mark = make("i");
          mark.style.left = 100 * one.start_s / end + "%";
          mark.style.width = Math.max(0.4, 100 * (one.end_s - one.start_s) / end) + "%";
          $("only-bar").appendChild(mark);
        }
      });
      $("only-scenes").hidden = !count;
    }
    function still(place) {
      var frame = make("div", "still"), image = make("img");
      if (place === null || place === undefined) { return frame; }
      image.alt = "";
      image.onload = function () { frame.appendChild(image); };
      image.src = tv.api("api/stills/" + place);
      return frame;
    }
    function choose(index) {
      at = Math.min(Math.max(index, 0), Math.max(list.items.length - 1, 0));
      var scene = list.items.length ? list.items[at].scene : -1;
      Array.prototype.forEach.call($("only-bar").children, function (node, i) { node.classList.toggle("focus", i === scene); });
      Array.prototype.forEach.call($("only-scenes").children, function (node, i) {
        node.classList.toggle("focus", i === at);
        node.setAttribute("aria-selected", i === at ? "true" : "false");
        if (i === at) { node.scrollIntoView({ block: "nearest", inline: "nearest" }); }
      });
      $("only-scenes").setAttribute("aria-activedescendant", list.items.length ? "scene-" + at : "");
    }
    function close() {
      list = null;
      $("only").hidden = true;
      document.body.classList.remove("only");
      makeRoom();
    }
    function makeRoom() { // for the panel, also while the picture stands still
      page.moved();
      page.redraw();
    }

    /* --- watching --------------------------------------------------------------------------- */
    function seek(index, from_s) {
      var goal = from_s === undefined ? watch.intervals[index].start_s : from_s, mine = watch;
      watch.at = index;
      watch.asked = Date.now();
      tell();
      fetch(tv.api("api/seek"), { method: "POST", body: JSON.stringify({ to_s: goal }) }).then(function (response) {
        if (!response.ok && watch === mine) { stop(text.retry); }
      }).catch(function () { if (watch === mine) { stop(text.retry); } });
    }
    function play() {
      if (!list.items.length) { return; }
      if (list.fixed) { page.toast.show(text.fixed[list.fixed] || text.fixed.fixed); return; }
      var item = list.items[at];
      watch = { id: list.id, name: list.name, intervals: list.intervals, at: item.scene, asked: 0, reading: false };
      page.closeAll();
      seek(item.scene, item.from_s);
    }
    function tell() {
      var words = watch ? tv.fill(text.onlyNow, { name: tv.short(watch.name), n: watch.at + 1, of: watch.intervals.length }) : "";
      write("only-now-text", words);
      $("only-now").hidden = !watch;
      document.body.classList.toggle("watching", Boolean(watch));
      tv.speak(words);
      page.moved();
    }
    function stop(words) {
      var place = page.position();
      if (words !== text.onlyDone && place !== null) { left.set(watch.id, place); } else { left.delete(watch.id); }
      watch = null;
      tell();
      page.toast.show(words || text.onlyEnd);
    }
    function follow(scene) {
      if (!watch || typeof scene.position_s !== "number") { return; }
      var now = scene.position_s, here = watch.intervals[watch.at];
      var within = now >= here.start_s - SLACK_S && now <= here.end_s;
      if (watch.asked) { // the pictures from before the jump are still coming
        if (within) { watch.asked = 0; }
        else if (Date.now() - watch.asked > PATIENCE_MS) { stop(text.retry); }
        return;
      }
      if (within || watch.reading) { return; }
      goOn(now);
    }
    function goOn(now) { // the scene is over: where is the next one, by what is known now?
      var mine = watch;
      watch.reading = true;
      read(watch.id).then(function (found) {
        if (watch !== mine) { return; }
        watch.reading = false;
        watch.intervals = found.intervals;
        var running = found.intervals.findIndex(function (one) { return now >= one.start_s && now <= one.end_s; });
        var next = found.intervals.findIndex(function (one) { return one.start_s > now; });
        if (running >= 0) { watch.at = running; tell(); }
        else if (next >= 0) { seek(next); }
        else { stop(text.onlyDone); }
      }).catch(function () { if (watch === mine) { stop(text.retry); } });
    }

    return {
      open: open, close: close, follow: follow,
      isOpen: function () { return Boolean(list); },
      isWatching: function () { return Boolean(watch); },
      end: function () { stop(); },
      keys: { back: function () { close(); if (page.card.isOpen()) { $("act-only").focus({ preventScroll: true }); } }, ok: play,
        left: function () { choose(at - 1); }, right: function () { choose(at + 1); } }
    };
  };
})();
