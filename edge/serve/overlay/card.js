/* One person's card: who it is, and what one can do. */
(function () {
  "use strict";

  var tv = window.tvradar, $ = tv.$, text = tv.text;
  var ACTIONS = ["act-only", "act-more", "act-not", "act-forget"], MOST_WORKS = 12;

  tv.card = function (page) {
    var open = false, shownId = "";

    function show() {
      var stop = page.answer.stop();
      if (!stop) { return; }
      open = true;
      tv.read(tv.url(stop.id)).then(function (person) {
        var now = page.answer.stop();
        if (!open || !now) { return; }
        if (now.id === person.id) { fill(person, stop); }
        else if (now.id) { show(); } // the answer was refined meanwhile, without who was chosen
        else { close(); }
      }).catch(function () { close(); page.toast.show(text.retry); });
    }
    function lineOf(work) {
      return tv.say(work.title) + (work.year ? tv.fill(text.year, { year: work.year }) : "") +
        (work.role ? tv.fill(text.as, { role: work.role }) : "");
    }
    function photos(stop, person) { // both, where one cannot tell who of two it is
      $("card-photos").textContent = "";
      stop.ids.forEach(function (id) {
        var node = tv.make("div", "photo" + (id === person.id ? " on" : ""));
        $("card-photos").appendChild(tv.photo(node, id, id === person.id ? person.names : tv.nameOf(id)));
      });
      $("card-photos").classList.toggle("two", stop.ids.length > 1);
    }
    function fill(person, stop) {
      var biography = tv.say(person.biography), fresh = shownId !== person.id || $("card").hidden;
      shownId = person.id;
      tv.write("card-name", tv.say(person.names));
      tv.write("card-either", stop.ids.length > 1 ? text.either + text.colon + tv.pair(stop.ids) : "");
      tv.write("card-role", page.roleOf(person));
      tv.write("card-biography", biography);
      tv.write("act-only", text.only);
      tv.write("act-more", text.more);
      tv.write("act-not", text.not);
      tv.write("act-forget", text.forget);
      $("act-forget").hidden = !page.live.naming || stop.id.indexOf("local-") !== 0;
      photos(stop, person);
      $("card-works").textContent = "";
      person.works.slice(0, MOST_WORKS).forEach(function (work) {
        var line = tv.make("li", "", lineOf(work));
        line.setAttribute("dir", "auto");
        $("card-works").appendChild(line);
      });
      $("act-more").hidden = !biography && !person.works.length;
      side(stop);
      less();
      $("card").hidden = false;
      document.body.classList.add("opened");
      page.moved();
      if (!page.only.isOpen() && (fresh || !inCard())) { $("act-only").focus({ preventScroll: true }); }
    }
    function inCard() { return ACTIONS.indexOf(document.activeElement.id) >= 0; }
    function side(stop) { // the card goes to the side where the face is not
      var rect = page.faces.rectOf(stop.track);
      $("card").classList.toggle("left", Boolean(rect) && rect.left + rect.right > window.innerWidth);
    }
    function close() {
      page.only.close();
      open = false;
      $("card").hidden = true;
      document.body.classList.remove("opened");
      page.moved();
      if (page.answer.isOpen()) { $("cards").focus({ preventScroll: true }); }
    }
    function step(by) { // over strangers, who have no card
      var next = page.answer.at() + by;
      while (page.answer.stopAt(next) && !page.answer.stopAt(next).id) { next += by; }
      if (!page.answer.stopAt(next)) { return; }
      page.answer.choose(next);
      show();
    }

    /* --- the biography behind "More", page by page ------------------------------------------ */
    function reading() { return $("card").classList.contains("reading"); }
    function hint() { tv.write("card-keys", reading() ? text.keysMore : text.keys); }
    function more() {
      $("card").classList.add("reading");
      $("card-more").scrollTop = 0;
      $("card-more").focus({ preventScroll: true });
      hint();
    }
    function less() {
      $("card").classList.remove("reading");
      $("card-more").scrollTop = 0;
      hint();
    }
    function back() {
      if (!reading()) { close(); return; }
      less();
      $("act-more").focus({ preventScroll: true });
    }
    function move(by) {
      if (reading()) { $("card-more").scrollTop += by * 0.85 * $("card-more").clientHeight; return; }
      var shown = ACTIONS.filter(function (id) { return !$(id).hidden; });
      var next = shown[shown.indexOf(document.activeElement.id) + by];
      if (next) { $(next).focus({ preventScroll: true }); }
    }
    function act() {
      if (reading()) { move(1); return; }
      if (document.activeElement === $("act-not")) { notThisPerson(); }
      else if (document.activeElement === $("act-forget")) { forget(); }
      else if (document.activeElement === $("act-more")) { more(); }
      else { onlyWatch(); }
    }

    /* --- what one can do -------------------------------------------------------------------- */
    function send(stop, undo) {
      var body = { track: stop.track, id: stop.id };
      if (undo) { body.undo = true; }
      return tv.post("api/feedback", body).then(function (response) { return response.ok; });
    }
    function notThisPerson() {
      var stop = page.answer.stop();
      if (!stop || !stop.id) { return; }
      send(stop, false).then(function (taken) {
        page.closeAll();
        page.toast.show(taken ? text.refused : text.gonealready, taken ? function () { takeBack(stop); } : null);
      }).catch(function () { page.toast.show(text.retry); });
    }
    function takeBack(stop) {
      send(stop, true).then(function (taken) { page.toast.show(taken ? text.undone : text.gonealready); })
        .catch(function () { page.toast.show(text.retry); });
    }
    function forget() {
      var stop = page.answer.stop();
      page.closeAll();
      if (stop) { page.naming.forget(stop.id); }
    }
    function onlyWatch() {
      var stop = page.answer.stop();
      if (!stop) { return; }
      page.only.open(stop.id, tv.nameOf(stop.id)).catch(function () { page.toast.show(text.retry); });
    }
    $("act-only").addEventListener("click", onlyWatch);
    $("act-more").addEventListener("click", more);
    $("act-not").addEventListener("click", notThisPerson);
    $("act-forget").addEventListener("click", forget);

    return { show: show, close: close, isOpen: function () { return open; },
      keys: { back: back, ok: act, not: notThisPerson, left: function () { step(-1); }, right: function () { step(1); },
        up: function () { move(-1); }, down: function () { move(1); } } };
  };
})();
