// Puts a chart that can be pointed at in the place of its picture, when the reader asks for it, and keeps it there when
// the page is loaded again.
const shown = new Map(); // address of a chart's data -> the element that it was drawn in last
let bundle = null;

const loaded = () => {
  bundle ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/charts.js";
    script.onload = done;
    script.onerror = () => {
      bundle = null;
      failed(new Error("the charts' script did not come"));
    };
    script.type = "module";
    document.head.append(script);
  });
  return bundle;
};

const buttons = () => [...document.querySelectorAll("button[data-chart]")];

const put = (button, chart) => {
  button.parentElement.querySelector("picture").replaceWith(chart);
  button.remove();
};

async function draw(url) {
  const [answer] = await Promise.all([fetch(url), loaded()]);
  if (!answer.ok) throw new Error(answer.statusText);
  const chart = document.createElement("div");
  chart.className = "chart";
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  await window.milepostCharts.draw(chart, await answer.json(), theme);
  const before = shown.get(url);
  shown.set(url, chart);
  if (before?.isConnected) before.replaceWith(chart);
  else for (const button of buttons()) if (button.dataset.chart === url) put(button, chart);
}

document.documentElement.classList.add("scripted");
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-chart]");
  if (!button) return;
  button.disabled = true;
  button.textContent = "Drawing…";
  try {
    await draw(button.dataset.chart);
  } catch {
    button.disabled = false;
    button.textContent = "The chart did not come: try again";
  }
});
document.addEventListener("loaded-again", () => {
  for (const button of buttons()) {
    const url = button.dataset.chart;
    if (!shown.has(url)) continue;
    put(button, shown.get(url)); // what was drawn stands until the new one is there, or doesn't come
    draw(url).catch(() => {});
  }
});
