// Loads the page again when something has changed, and leaves what the reader had open, and where they were, as it was.
const place = () => document.querySelector("main[data-events]");
let source = null;
let loading = false;
let again = false;
const stops = "a, button, summary, [tabindex]";

const busy = (main) => {
  const at = document.activeElement;
  return main.contains(at) && at.matches("input, select, textarea") && at.type !== "hidden";
};

const position = (main) => {
  const at = document.activeElement;
  if (!at || at === main || !main.contains(at)) return null;
  const named = at.closest("[id]");
  const within = named ?? main;
  const all = [...within.querySelectorAll(stops)];
  return { id: within.id, nth: all.indexOf(at) };
};

const goBack = (where) => {
  const within = document.getElementById(where.id);
  const all = within ? [...within.querySelectorAll(stops)] : [];
  (all[where.nth] ?? within)?.focus({ preventScroll: true });
};

async function load() {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  const main = place();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") {
      location.reload();
      return;
    }
    if (answer.status >= 500) throw new Error("not now");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (!fresh || busy(main)) throw new Error("not now");
    for (const open of main.querySelectorAll("details[open][id]")) {
      fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
    const where = position(main);
    main.replaceWith(document.adoptNode(fresh));
    if (where) goBack(where);
    document.dispatchEvent(new Event("loaded-again"));
    if (!answer.ok) source?.close();
  } catch {
    main.classList.add("unreachable");
  } finally {
    loading = false;
    if (again) {
      again = false;
      load();
    }
  }
}

const listen = () => {
  source = new EventSource(place().dataset.events);
  source.addEventListener("changed", load);
};

if (place()) {
  listen();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    listen();
    load();
  });
}
