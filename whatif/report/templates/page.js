(function () {
  "use strict";
  var due = document.body.dataset.due;
  var banner = document.getElementById("stale");
  function look() {
    if (banner && Date.now() > Date.parse(due)) banner.hidden = false;
  }
  if (due) {
    look();
    document.addEventListener("visibilitychange", look);
  }
  var opened = [];
  addEventListener("beforeprint", function () {
    opened = Array.from(document.querySelectorAll("details:not([open]):not(.withheld)"));
    opened.forEach(function (part) { part.open = true; });
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (part) { part.open = false; });
  });
})();
