(() => {
  const due = document.body.dataset.due, banner = document.getElementById("stale"), look = () => {
    if (Date.now() > Date.parse(due)) banner.hidden = 0;
  };
  let opened;
  if (due) {
    look();
    document.addEventListener("visibilitychange", look);
  }
  addEventListener("beforeprint", () => {
    opened = document.querySelectorAll("details:not([open]):not(.withheld)");
    opened.forEach((part) => part.open = 1);
  });
  addEventListener("afterprint", () => opened.forEach((part) => part.open = 0));
})();
