(() => {
  const abs = Math.abs,
  max = Math.max,
  sign = Math.sign,
  sum = (list, part) => list.reduce((total, x, i) => total + part(x, i), 0),

  read = (text) => {
    const file = JSON.parse(text);
    if (file.schema != "scenario.v1") throw Error("newer");
    const cells = file.cells, arms = file.arms, outcomes = file.outcomes, count = cells.length,
      thetas = count * arms.length * outcomes.length, size = thetas + count, last = size - 1,
      bytes = Uint8Array.from(atob(file.numbers), (c) => c.charCodeAt(0)),
      numbers = Float64Array.from(new Float32Array(bytes.buffer)),
      value = file.value || { per: outcomes.map(() => 0), arm_cost: arms.map(() => 0) };
    if (numbers.length != size + last * size / 2 || !numbers.every(isFinite)) throw Error();
    let at = size, i, j;
    const sigma = Array.from(numbers.slice(0, size), () => new Float64Array(size));
    for (i = 0; i < last; i++) for (j = 0; j <= i; j++) sigma[i][j] = sigma[j][i] = numbers[at++];
    for (i = 0; i < size; i++) {
      for (j = thetas; j < last; j++) sigma[i][last] -= sigma[i][j];
      sigma[last][i] = sigma[i][last];
      sigma[i][i] /= 2;
    }
    file.theta = numbers.slice(0, thetas);
    file.p = numbers.slice(thetas, size);
    file.half = sigma;
    file.base = {
      rollout: cells.map(() => arms.map((x, a) => +(a == file.declared))), mix: null,
      per: value.per, factor: outcomes.map(() => 1), arm_cost: value.arm_cost, units: file.units_per_month
    };
    return file;
  },

  fieller = (top, bottom, above, below, shared, critical) => {
    const q = critical * critical, a = bottom * bottom - q * below, b = top * bottom - q * shared,
      inside = b * b - a * (top * top - q * above), none = !a || inside < 0,
      ends = [-1, 1].map((side) => (b + side * Math.sqrt(inside)) / a);
    return {
      value: bottom ? top / bottom : null, above: bottom > 0, ends: a < 0 ? ends.reverse() : ends,
      kind: none ? a > 0 ? "empty" : "all" : a > 0 ? "interval" : "rays"
    };
  },

  evaluate = (file, state) => {
    const theta = file.theta, shares = file.p, sigma = file.half, base = file.base, mix = state.mix,
      count = base.per.length, size = theta.length + shares.length, held = {}, forms = [],
      level = file.cells.map((cell) => mix ? cell[mix[0]] : 0);
    level.forEach((d, s) => held[d] = (held[d] || 0) + shares[s]);
    const lift = level.map((d) => mix ? mix[1][d] / held[d] : 1),
      form = (k, control) => {
        const g = new Float64Array(size), h = new Float64Array(size), inside = {},
          means = level.map((d, s) => {
            const mean = sum(state.rollout[s], (r, a) => {
              const w = (control ? !a : r - !a) * (k < 0 ? state.arm_cost[a] : state.factor[k]),
                at = (s * file.arms.length + a) * count + k;
              if (k < 0) return w;
              g[at] = lift[s] * shares[s] * w;
              return w * theta[at];
            });
            inside[d] = (inside[d] || 0) + shares[s] / held[d] * mean;
            return mean;
          });
        means.forEach((mean, s) => g[theta.length + s] = lift[s] * (mean - (mix && inside[level[s]])));
        for (let i = 0; i < size; i++) {
          const w = g[i], row = sigma[i];
          if (w) for (let j = 0; j <= i; j++) h[j] += w * row[j];
        }
        forms.push({ v: sum(means, (mean, s) => lift[s] * shares[s] * mean), g: g, h: h });
      };
    base.per.forEach((x, k) => form(k));
    base.per.forEach((x, k) => form(k, 1));
    form(-1);
    const shared = forms.map((f) => forms.map((other) => {
        let total = 0;
        for (let j = 0; j < size; j++) total += f.g[j] * other.h[j] + other.g[j] * f.h[j];
        return total;
      })),
      both = (v, w) => sum(v, (x, i) => x && x * sum(w, (y, j) => y * shared[i][j])),
      value = (w) => sum(w, (x, i) => x * forms[i].v),
      only = (k) => forms.map((f, i) => i == k),
      differs = (part) => "" + state[part] != base[part],
      kind = mix || differs("rollout") ? "rollout" :
        ["per", "factor", "arm_cost"].some(differs) ? "prices" : "declared",
      critical = file.critical[kind],
      add = (weights, scale, estimate = value(weights)) => {
        const error = Math.sqrt(max(both(weights, weights), 0)) * scale, wide = critical * error;
        estimate *= scale;
        return { estimate: estimate, error: error, ends: wide ? [estimate - wide, estimate + wide] : null };
      },
      units = state.units ?? 1e3,
      results = base.per.map((x, k) => add(only(k), units));
    file.ratios.forEach(([, i, j]) => {
      const w = forms.map(() => 0),
        top = forms[count + i].v, low = forms[count + j].v, above = top + forms[i].v, below = low + forms[j].v;
      w[i] = 1 / below;
      w[j] = -above / below / below;
      w[count + i] = w[i] - 1 / low;
      w[count + j] = w[j] + top / low / low;
      results.push(low > 0 && below > 0 ? add(w, 1, above / below - top / low) : null);
    });
    let even = null;
    if (file.value) {
      const net = forms.map((f, i) => i < count ? state.per[i] : -(i == 2 * count)),
        k = base.per.findIndex((worth) => worth > 0), gain = only(k), rest = net.map((x, i) => i == k ? 0 : -x);
      results.push(add(net, units));
      if (critical && k >= 0) even = fieller(
        value(rest), value(gain), both(rest, rest), both(gain, gain), both(rest, gain), critical
      );
    }
    return { results: results, kind: kind, even: even };
  },

  round = (x, d) => Math.round(x * 10 ** d) / 10 ** d,
  number = (x, d) => abs(round(x, d)).toLocaleString("en", {
    minimumFractionDigits: max(d, 0), maximumFractionDigits: max(d, 0)
  }),
  fill = (text, parts = []) => parts.reduce((t, part, i) => t.split("{" + i + "}").join(part.toLocaleString("en")), text),
  words_of = (word, estimate, given) => {
    const ends = given || [estimate, estimate], wide = (ends[1] - ends[0]) / 2 || abs(estimate) / 10 || 2;
    let d = max(Math.ceil(-Math.log10(wide / 2)), word.least);
    if (word.coin && d == 1) d = 2;
    const [low, high] = ends.map((x) => {
        const fine = [d, d + 1, d + 2].find((e) => sign(round(x, e)) == sign(x)) ?? d;
        return [number(x, fine), sign(round(x, fine))];
      }), side = low[1] >= 0 ? 0 : high[1] > 0 ? 2 : 1, way = sign(round(estimate, d));
    return [
      fill(word.change[way || !estimate ? 1 - way : 3], [number(estimate, d)]),
      given ? fill(word.range[side], [low[0], high[0]]) : word.none
    ];
  },

  start = (root) => {
    const find = (name) => root.querySelector("#scenario" + name), note = find("-note"),
      words = JSON.parse(find("-words").textContent), live = find("-live"), out = find("-out"),
      say = (text, parts) => note.append(fill(text, parts), " ");
    let file;
    try {
      file = read(find("").textContent);
    } catch (e) {
      return say(words[e.message] || words.damaged);
    }
    const list = [...live.querySelectorAll("input,select")].map((input) => {
        const options = input.options, low = +(options ? options[0].value : input.min), c = {
          id: input.name, label: input.labels[0].firstChild.data, boxes: [input], from: +input.value,
          list: options, low: low, high: options ? low + options.length - 1 : +(input.max || 100)
        };
        if (!options) {
          const box = input.cloneNode();
          c.from = +input.defaultValue;
          box.type = "number";
          box.step = "any";
          box.ariaLabel = c.label;
          input.parentNode.after(box);
          c.boxes.push(box);
        }
        c.boxes.forEach((i) => i.onchange = () => act(() => set(c, i.value)));
        input.oninput = input.onchange;
        return c;
      }),
      cells = list.filter((c) => c.id[0] == "c"),
      isCell = (c) => cells.includes(c),
      named = (name) => list.find((c) => c.id == name),
      all = named("all"),
      get = (name, otherwise) => named(name)?.now ?? otherwise,
      put = (c, x) => c.boxes.forEach((input) => input.value = c.now = x),
      set = (c, text) => {
        if (!c || !text || !isFinite(text)) return say(words.bad), c && put(c, c.now);
        const fit = Math.min(max(text, c.low), c.high);
        if (fit != text) say(words.moved, [c.label, fit]);
        put(c, c.list ? round(fit, 0) : fit);
        if (c.id == "level") {
          mix.label = fill(words.mix.label, [c.list[fit].text]);
          put(mix, mix.from = round(words.mix.shares[fit], 1));
        }
        if (c == all) cells.forEach((one) => put(one, fit));
        if (isCell(c)) {
          const was = all.now;
          put(all, round(sum(cells, (one, s) => one.now * file.p[s]), 1));
          if (cells.some((one) => one.now != all.now)) all.now = was;
        }
      },
      reset = () => list.forEach((c) => set(c, "" + c.from)),
      mix = named("mix"),
      state = () => {
        const base = file.base, arm = get("arm", 1), mixed = words.mix || {}, shares = mixed.shares,
          at = get("level", mixed.at);
        return {
          rollout: file.cells.map((cell, s) => {
            const share = (cells[s] || all).now / 100;
            return file.arms.map((name, a) => a == arm ? share : a ? 0 : 1 - share);
          }),
          mix: mix && mix.now != mix.from ? [mixed.column, shares.map((p, d) =>
            (d == at ? mix.now : p * (100 - mix.now) / (100 - shares[at])) / 100)] : null,
          per: base.per.map((worth, k) => get("per" + k, worth)),
          factor: base.factor.map((one, k) => words.costs.includes(k) ? get("price", 100) / 100 : one),
          arm_cost: base.arm_cost, units: get("units", base.units)
        };
      },
      show = () => {
        const answer = evaluate(file, state()), even = answer.even,
          chosen = list.filter((c) => c.now != (isCell(c) ? all.now : c.from)),
          row = (lead, strong = "", rest = "") => {
            const bold = document.createElement("b");
            bold.append(strong);
            out.append(lead, bold, rest + "\n");
          };
        out.textContent = "";
        row(chosen.map((c) => fill("{0}: {1}", [
          c.label, c.list ? c.list[c.now - c.low].text : isCell(c) ? c.now + " %" : c.now
        ])).join("; ") || words.base, "", "\n");
        words.said.forEach((word) => {
          const r = answer.results[word.at];
          row(word.label, ...r ? words_of(word, r.estimate, r.ends) : ["", word.none]);
        });
        if (even) {
          const told = even.kind == "interval" && words_of(words.even[+even.above], even.value, even.ends);
          row(told ? told[0] + told[1] : words.open);
        }
        if (answer.kind != "declared") row(words.looked);
        find("-link").href = "#whatif" + chosen.map((c) => "&" + c.id + "=" + c.now).join("");
      },
      act = (work) => {
        note.textContent = "";
        work();
        show();
      },
      restore = () => {
        const parts = location.hash.split("&");
        if (parts.shift() == "#whatif") act(() => {
          reset();
          parts.forEach((part) => {
            const [id, text] = part.split("=");
            set(named(id), text);
          });
          live.scrollIntoView();
        });
      };
    find("-reset").onclick = () => act(reset);
    live.hidden = 0;
    addEventListener("hashchange", restore);
    act(reset);
    restore();
  };
  window.whatif = { read: read, evaluate: evaluate, start: start };
})();
