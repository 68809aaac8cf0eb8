(() => {
  if (!window.Plotly) return;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const places = [...document.querySelectorAll(".e-chart")];
  const coarse = matchMedia("(pointer: coarse)").matches;
  const look = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
  const draw = () => {
    const ink = look("body", "color"), mark = look("header a", "color");
    const quiet = look(".e-hint", "color"), faint = look("section", "borderTopColor");
    const paper = look("section", "backgroundColor"), font = look("body", "fontFamily");
    const wash = mark.replace("rgb(", "rgba(").replace(")", ", .18)");
    const paint = (trace) => {
      const bar = { color: mark, thickness: 3, width: 0 };
      return {
        ...trace,
        marker: { color: mark, size: 9 },
        line: { color: mark, width: trace.meta == "range" ? 0 : 2.5 },
        fillcolor: wash,
        ...(trace.error_x && { error_x: { ...trace.error_x, ...bar } }),
        ...(trace.error_y && { error_y: { ...trace.error_y, ...bar } }),
      };
    };
    const axis = (own) => ({
      gridcolor: faint, zerolinecolor: quiet, linecolor: faint, zerolinewidth: 1.5,
      automargin: true, fixedrange: coarse, ...own,
    });
    charts.forEach((chart, i) => {
      Plotly.react(places[i], chart.traces.map(paint), {
        height: chart.height, margin: { l: 8, r: 16, t: 8, b: 8 }, showlegend: false,
        paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, family: font, size: 13 },
        dragmode: coarse ? false : "zoom", hoverlabel: { bgcolor: ink, font: { color: paper } },
        xaxis: axis(chart.xaxis), yaxis: axis(chart.yaxis),
        shapes: chart.shapes.map((shape) => ({ ...shape, layer: "below", line: { width: 0 }, fillcolor: faint })),
      }, { displayModeBar: false, showTips: false, responsive: true });
    });
  };
  [...places, ...document.querySelectorAll(".e-hint")].forEach((part) => part.hidden = 0);
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
