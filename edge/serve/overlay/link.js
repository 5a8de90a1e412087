/* The two connections, made again with a growing and random delay, and the preview's pictures. */
(function () {
  "use strict";

  var KEPT = 100, MEASURED = 25;

  /* With `patienceMs` a connection that says nothing for so long is given up: a device that was
     stopped, or a network that is gone, closes no connection. Returns what gives it up at once. */
  function connect(path, onMessage, onState, patienceMs) {
    var wait = 250, base = location.protocol === "https:" ? "wss://" : "ws://", socket = null, heard = 0;
    function open() {
      var mine = socket = new WebSocket(base + location.host + window.tvradar.api(path));
      heard = performance.now();
      mine.binaryType = "arraybuffer";
      mine.onopen = function () { if (socket === mine) { onState(true); } };
      mine.onmessage = function (event) {
        if (socket !== mine) { return; }
        wait = 250;
        heard = performance.now();
        onMessage(event.data);
      };
      mine.onclose = function () { if (socket === mine) { again(); } };
    }
    function again() {
      var old = socket;
      if (!old) { return; }
      socket = null;
      old.close();
      onState(false);
      wait = Math.min(wait * 2, 10000);
      setTimeout(open, wait * (0.5 + Math.random() / 2));
    }
    if (patienceMs) {
      setInterval(function () { if (performance.now() - heard > patienceMs) { again(); } }, 500);
    }
    open();
    return again;
  }

  /* How much later than its scene a picture is on the screen: the median of the last second. What
     the preview measures is a first value for `offset_ms` of a page over a player of its own. */
  function meter() {
    var came = new Map(), delays = [];
    return {
      told: function (scene) {
        came.set(scene.frame, performance.now());
        if (came.size > KEPT) { came.delete(came.keys().next().value); }
      },
      shown: function (scene) {
        if (!came.has(scene.frame)) { return; }
        delays.push(performance.now() - came.get(scene.frame));
        came.delete(scene.frame);
        if (delays.length > MEASURED) { delays.shift(); }
        var sorted = delays.slice().sort(function (a, b) { return a - b; });
        document.body.dataset.offsetMs = Math.max(0, Math.round(sorted[sorted.length >> 1]));
      }
    };
  }

  function preview(canvas, onScene) {
    var pen = canvas.getContext("2d"), decoder = new TextDecoder(), drawing = false, waiting = null;
    function draw(buffer) { // a slow browser skips pictures, it does not fall behind
      if (drawing) { waiting = buffer; return; }
      drawing = true;
      var length = new DataView(buffer).getUint32(0, true);
      var scene = JSON.parse(decoder.decode(new Uint8Array(buffer, 4, length)));
      createImageBitmap(new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" })).then(function (image) {
        if (canvas.width !== image.width || canvas.height !== image.height) { canvas.width = image.width; canvas.height = image.height; }
        pen.drawImage(image, 0, 0);
        image.close();
        onScene(scene);
      }).catch(function () { /* a broken picture: the next one comes */ }).then(function () {
        var next = waiting;
        drawing = false;
        waiting = null;
        if (next) { draw(next); }
      });
    }
    return connect("/api/preview", draw, function () {});
  }

  window.tvradar.link = { connect: connect, meter: meter, preview: preview };
})();
