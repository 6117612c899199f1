// Puts a chart that can be pointed at in the place of its picture, when the reader asks for it.
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

document.documentElement.classList.add("scripted");
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-chart]");
  if (!button) return;
  button.disabled = true;
  button.textContent = "Drawing…";
  try {
    const [answer] = await Promise.all([fetch(button.dataset.chart), loaded()]);
    if (!answer.ok) throw new Error(answer.statusText);
    const place = document.createElement("div");
    place.className = "chart";
    const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    await window.milepostCharts.draw(place, await answer.json(), theme);
    button.parentElement.querySelector("picture").replaceWith(place);
    button.remove();
  } catch {
    button.disabled = false;
    button.textContent = "The chart did not come: try again";
  }
});
