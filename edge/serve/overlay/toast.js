/* What was done, said for three seconds at a place where it is seen; some of it can be undone. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, SHOWN_MS = 3000;

  tv.toast = function (page) {
    var timer = 0, undo = null;

    function show(words, onUndo, ms) {
      clearTimeout(timer);
      undo = onUndo || null;
      tv.write("toast-text", words);
      tv.write("toast-undo", tv.text.undo);
      $("toast-undo").hidden = !undo;
      $("toast").hidden = false;
      tv.speak(words + (undo ? " " + tv.text.undo : ""));
      timer = setTimeout(hide, ms || SHOWN_MS);
      page.moved();
    }
    function hide() {
      clearTimeout(timer);
      undo = null;
      $("toast").hidden = true;
      page.moved();
    }
    function takeBack() {
      var action = undo;
      hide();
      if (action) { action(); }
    }
    $("toast-undo").addEventListener("click", takeBack);

    return { show: show, hide: hide, undo: takeBack, canUndo: function () { return Boolean(undo); } };
  };
})();
