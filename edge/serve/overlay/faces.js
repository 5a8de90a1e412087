/* Boxes on the faces and the labels beside them, drawn anew with each picture. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, FADE_MS = 150, JUMP_S = 0.3;
  var OVER = ["status", "radar", "answer", "card", "only", "only-now", "notice", "toast", "naming", "pairing"];
  var still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  tv.faces = function (page) {
    var boxes = new Map(), shot = null, fitted = "", taken = null, lastS = 0, labelled = [], corner = [0, 0];

    function newBox() {
      var box = { node: tv.make("div"), label: tv.make("span", "label"), text: "", width: 0, height: 0, side: "", pinged: false };
      box.label.hidden = true;
      box.label.setAttribute("dir", "auto");
      $("faces").appendChild(box.node);
      $("faces").appendChild(box.label);
      return box;
    }
    function remove(box, fade) {
      box.label.remove();
      if (!fade || still) { box.node.remove(); return; }
      box.node.classList.add("fading");
      setTimeout(function () { box.node.remove(); }, FADE_MS);
    }
    function fit(aspect) { // the picture's place on the screen; older TVs have no CSS aspect-ratio
      var width = Math.min(window.innerWidth, window.innerHeight * aspect), key = width + "/" + window.innerHeight + "/" + aspect;
      if (key === fitted) { return; }
      fitted = key;
      taken = null;
      $("picture").style.width = width + "px";
      $("picture").style.height = width / aspect + "px";
    }
    function whatIsOver() { // the rectangles that labels leave alone, in pixels of the window
      if (taken) { return taken; }
      taken = [];
      OVER.forEach(function (id) {
        var node = $(id), rect = node.getBoundingClientRect();
        if (rect.width && getComputedStyle(node).visibility === "visible") { taken.push([rect.left, rect.top, rect.right, rect.bottom]); }
      });
      return taken;
    }
    function classOf(face, box, chosen) {
      return "face" + (face.id ? " named" : face.why === "ambiguous" ? " either" : " stranger") +
        (box.pinged ? " pressed" : "") + (chosen ? " chosen" : "");
    }
    function draw(scene) {
      var width = scene.size[0], height = scene.size[1], here = new Set(), items = [];
      fit(width / height);
      var jumped = Math.abs(scene.pts_s - lastS) > JUMP_S; // pictures were lost
      if (scene.shot !== shot || jumped) { clear(); } // no box of one shot is on a picture of the next
      shot = scene.shot;
      lastS = scene.pts_s;
      var scale = $("picture").clientWidth / width, chosen = page.chosen();
      var left = (window.innerWidth - scale * width) / 2, top = (window.innerHeight - scale * height) / 2;
      scene.faces.forEach(function (face) {
        here.add(face.track);
        var box = boxes.get(face.track) || newBox(), node = box.node, b = face.box, on = chosen === face.track;
        boxes.set(face.track, box);
        node.style.left = 100 * b[0] / width + "%";
        node.style.top = 100 * b[1] / height + "%";
        node.style.width = 100 * (b[2] - b[0]) / width + "%";
        node.style.height = 100 * (b[3] - b[1]) / height + "%";
        node.className = classOf(face, box, on);
        node.dataset.track = face.track;
        node.dataset.id = face.id || "";
        if (page.visible() && measured(box, face, on)) {
          items.push({ box: box, on: on, width: box.width, height: box.height, before: box.side,
            face: [left + scale * b[0], top + scale * b[1], left + scale * b[2], top + scale * b[3]] });
        }
      });
      boxes.forEach(function (box, track) {
        if (!here.has(track)) { remove(box, !scene.dissolves); boxes.delete(track); }
      });
      items.sort(function (a, b) { return b.on - a.on; });
      labelled = items;
      corner = [left, top];
      placeLabels();
    }
    function measured(box, face, on) { // its label's words and size; false where it has none
      var words = page.labelOf(face), name = "label" + (face.id ? " named" : " either") + (on ? " chosen" : "");
      if (box.label.className !== name) { box.label.className = name; }
      if (box.text !== words || !box.width) {
        box.text = box.label.textContent = words;
        box.label.hidden = !words;
        box.width = box.label.offsetWidth;
        box.height = box.label.offsetHeight;
      }
      return Boolean(words);
    }
    function placeLabels() {
      tv.place(labelled, [0, 0, window.innerWidth, window.innerHeight], whatIsOver());
      labelled.forEach(function (item) {
        var label = item.box.label, at = item.place;
        item.before = item.box.side = at ? at.name : "";
        label.style.visibility = at ? "" : "hidden";
        if (at) { label.style.transform = "translate(" + (at.rect[0] - corner[0]) + "px," + (at.rect[1] - corner[1]) + "px)"; }
      });
    }
    function moved() { // a panel came or went: labels make room at once, not with the next picture
      taken = null;
      placeLabels();
    }
    function clear() {
      $("faces").textContent = "";
      boxes.clear();
      labelled = [];
    }
    function ping(track) {
      var box = boxes.get(track);
      if (!box) { return; }
      box.pinged = true;
      box.node.classList.add("pressed");
      setTimeout(function () { box.pinged = false; box.node.classList.remove("pressed"); }, 700);
    }
    function resized() {
      taken = null;
      boxes.forEach(function (box) { box.width = 0; });
    }

    return { draw: draw, clear: clear, ping: ping, resized: resized, moved: moved,
      rectOf: function (track) { var box = boxes.get(track); return box && box.node.getBoundingClientRect(); } };
  };
})();
