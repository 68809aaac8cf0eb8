(() => {
  const all = (what) => [...document.querySelectorAll(what)], by = (id) => document.getElementById(id),
    studies = all("[data-rank]"), urgent = by("w-urgent"), rest = by("w-rest"), find = by("w-find"), file = by("w-runs");

  const look = () => {
    let turned;
    all("[data-after][hidden]").forEach((part) => {
      if (Date.now() > Date.parse(part.dataset.after)) {
        part.hidden = 0;
        const study = part.closest("[data-rank]");
        if (study && study.dataset.rank > 1) study.dataset.rank = turned = 1;
      }
    });
    if (turned) {
      studies.sort((a, b) => a.dataset.rank - b.dataset.rank);
      studies.forEach((study) => (study.dataset.rank < 4 ? urgent : rest).append(study));
      urgent.hidden = 0;
      rest.hidden = !rest.querySelector("article");
    }
  };
  look();
  document.addEventListener("visibilitychange", look);

  if (find) {
    const box = by("w-name"), said = find.querySelector("[data-found]"), search = () => {
      const wanted = box.value.trim().toLowerCase();
      let n = 0;
      studies.forEach((study) => {
        study.hidden = !study.querySelector("h3").textContent.toLowerCase().includes(wanted);
        n += !study.hidden;
      });
      said.textContent = wanted && said.dataset.found.replace("{n}", n).replace("{all}", studies.length);
    };
    find.hidden = 0;
    box.addEventListener("input", search);
    search();
  }

  if (file) {
    const {texts, runs, words} = JSON.parse(file.textContent), sides = [by("w-a"), by("w-b")], table = by("w-compare"),
      show = () => {
        const at = sides.map((side) => +side.value), [a, b] = at.map((n) => runs[n]), newer = Math.min(...at), older = Math.max(...at);
        [a, b].forEach((run, i) => {
          const link = table.tHead.rows[0].cells[i + 1].firstChild;
          link.href = run.href;
          link.textContent = texts[run.name];
        });
        [...table.tBodies[0].rows].forEach((row, i) => {
          const same = a.cells[i] === b.cells[i];
          [a, b].forEach((run, j) => row.cells[j + 1].firstChild.textContent = texts[run.cells[i]]);
          row.cells[3].textContent = same ? words.same : words.changed;
          row.className = same ? "" : "w-differs";
        });
        by("w-split").firstChild.textContent = older === newer ? words.one
          : older - newer === 1 ? texts[runs[newer].split]
          : words.apart.replace("{a}", runs[older].id).replace("{b}", runs[newer].id);
      }, read = () => {
        const asked = new URLSearchParams(location.hash.slice(1));
        sides.forEach((side, i) => {
          const n = runs.findIndex((run) => run.id === asked.get("ab"[i]));
          if (n >= 0) side.value = n;
        });
        show();
      };
    by("w-choose").hidden = 0;
    sides.forEach((side) => side.addEventListener("change", () => {
      const [a, b] = sides.map((one) => runs[one.value].id);
      history.replaceState(null, "", "#" + new URLSearchParams({a, b}));
      show();
    }));
    addEventListener("hashchange", read);
    read();
  }
})();
