/* Where labels go: beside their faces, never over each other, off the screen, or over a card. */
(function () {
  "use strict";

  var GAP = 8, EDGE = 0.012, HIDDEN = 0.6;
  /* A channel's logo stands in an upper corner: shares of the screen. */
  var LOGO = { width: 0.16, height: 0.13, inset: 0.02 };
  var COST = { logo: 40, face: 6, far: 1.5, kept: -0.9 };

  function overlap(a, b) {
    var width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
    return width > 0 && height > 0 ? width * height : 0;
  }
  function touches(a, b) {
    return a[0] < b[2] + GAP / 2 && b[0] < a[2] + GAP / 2 && a[1] < b[3] + GAP / 2 && b[1] < a[3] + GAP / 2;
  }
  /* All places for a label, best first: below, above, beside, and further away. */
  function candidates(face, width, height, screen) {
    var middle = (face[0] + face[2]) / 2, found = [], edge = EDGE * screen[2];
    function add(name, left, top, cost) {
      left = Math.min(Math.max(left, edge), screen[2] - edge - width);
      found.push({ name: name, rect: [left, top, left + width, top + height], cost: cost });
    }
    for (var step = 0; step < 3; step += 1) {
      var away = step * (height + GAP), far = step * COST.far;
      [0, -0.35, 0.35].forEach(function (shift, i) {
        var left = middle - width / 2 + shift * width, aside = far + (i ? 0.7 : 0);
        add("below" + step + i, left, face[3] + GAP + away, aside);
        add("above" + step + i, left, face[1] - GAP - height - away, aside + 0.3);
      });
    }
    var centre = (face[1] + face[3] - height) / 2;
    add("right", face[2] + GAP, centre, 1.2);
    add("left", face[0] - GAP - width, centre, 1.2);
    add("inside", middle - width / 2, face[3] - GAP - height, 2.2);
    return found;
  }
  function logos(screen) {
    var w = LOGO.width * screen[2], h = LOGO.height * screen[3], x = LOGO.inset * screen[2], y = LOGO.inset * screen[3];
    return [[x, y, x + w, y + h], [screen[2] - x - w, y, screen[2] - x, y + h]];
  }
  /* items: [{face, width, height, before}], the most important first; taken: what labels must leave
     alone. Sets `place` of each, null where there is no room. */
  function place(items, screen, taken) {
    var corners = logos(screen), full = taken.slice();
    items.forEach(function (item) {
      var best = null, size = (item.face[2] - item.face[0]) * (item.face[3] - item.face[1]);
      item.place = null;
      if (taken.some(function (one) { return overlap(one, item.face) > HIDDEN * size; })) { return; } // its face is not seen
      candidates(item.face, item.width, item.height, screen).forEach(function (one) {
        var r = one.rect, edge = EDGE * screen[3];
        if (r[0] < 0 || r[1] < edge || r[2] > screen[2] || r[3] > screen[3] - edge) { return; }
        if (full.some(function (other) { return touches(r, other); })) { return; }
        var area = item.width * item.height, cost = one.cost + (one.name === item.before ? COST.kept : 0);
        items.forEach(function (other) { if (other !== item) { cost += COST.face * overlap(r, other.face) / area; } });
        corners.forEach(function (corner) { if (overlap(r, corner)) { cost += COST.logo; } });
        if (!best || cost < best.cost) { best = { rect: r, name: one.name, cost: cost }; }
      });
      item.place = best;
      if (best) { full.push(best.rect); }
    });
  }

  window.tvradar.place = place;
})();
