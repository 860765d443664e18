"use strict";
// Zoom and a cursor for the drawings. Without it the page tells the same; nothing here makes content.
(() => {
  const text = (n, digits) => n.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const span = (us) => us >= 1e6 ? (us / 1e6).toFixed(2) + " s" : us >= 1e3 ? (us / 1e3).toFixed(1) + " ms" : us + " µs";
  const bytes = (n) => n < 0 ? "not known" : n >= 1e6 ? (n / 1e6).toFixed(1) + " MB" : n >= 1e3 ? (n / 1e3).toFixed(1) + " kB" : n + " B";

  function setUp(section) {
    const scroll = section.querySelector(".scroll"), canvas = section.querySelector(".canvas");
    const data = JSON.parse(document.getElementById(section.id + "-data").textContent);
    const length = data.to - data.from;
    const cursor = document.createElement("div");
    cursor.className = "cursor";
    cursor.hidden = true;
    canvas.append(cursor);
    const tools = document.createElement("div"), said = document.createElement("output");
    tools.className = "tools";
    said.setAttribute("aria-live", "polite");
    let zoom = 1, at = data.from;

    // The label of a bar goes where there is room: after it, or before it.
    function place() {
      const blocks = [...canvas.querySelectorAll(".bar:not(.inside), .lost .block, .bracket .block, .pin")];
      for (const block of blocks) block.classList.remove("left"); // all writes before all reads: one layout, not one a label
      const edge = canvas.getBoundingClientRect().right;
      const over = blocks.filter((b) => (b.classList.contains("pin") ? b : b.querySelector("span")).getBoundingClientRect().right > edge);
      for (const block of over) block.classList.add("left");
    }
    function say() {
      const n = Math.min(data.values.length - 1, Math.max(0, Math.floor((at - data.from) / data.bin + 1e-6)));
      const [ok, failed, unknown, p50, p99, lag] = data.values[n];
      const waits = p50 ? `, median ${span(p50)}, 99 % within ${span(p99)}` : "";
      said.textContent = `${text(data.from + n * data.bin, 3)} s: ${text(ok / data.bin, 0)} acknowledged/s, ${failed} failed, ${unknown} unknown${waits}, lag ${bytes(lag)}`;
    }
    function move(to) {
      at = Math.min(data.to, Math.max(data.from, to));
      cursor.hidden = false;
      cursor.style.left = 100 * (at - data.from) / length + "%";
      say();
    }
    function show() { // keep the cursor in sight
      const x = (at - data.from) / length * canvas.clientWidth;
      if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x - scroll.clientWidth / 2;
    }
    function scale(to) {
      zoom = Math.min(64, Math.max(1, to));
      canvas.style.width = 100 * zoom + "%";
      const x = (at - data.from) / length * canvas.clientWidth;
      scroll.scrollLeft = x - scroll.clientWidth / 2;
      place();
    }
    const button = (words, title, act) => {
      const b = document.createElement("button");
      b.type = "button";
      b.textContent = words;
      b.title = title;
      b.addEventListener("click", act);
      tools.append(b);
    };
    button("+", "zoom in at the cursor", () => scale(zoom * 2));
    button("−", "zoom out", () => scale(zoom / 2));
    button("all", "show all", () => scale(1));
    tools.append(said);
    section.querySelector(".axis").before(tools);
    canvas.addEventListener("pointermove", (e) => move(data.from + (e.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth * length));
    scroll.addEventListener("keydown", (e) => {
      const step = e.shiftKey ? 10 * data.bin : data.bin;
      const acts = { ArrowLeft: () => move(at - step), ArrowRight: () => move(at + step), Home: () => move(data.from), End: () => move(data.to), "+": () => scale(zoom * 2), "=": () => scale(zoom * 2), "-": () => scale(zoom / 2), 0: () => scale(1) };
      if (!acts[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      acts[e.key]();
      show();
    });
    addEventListener("resize", place);
    place();
  }
  for (const section of document.querySelectorAll(".view")) setUp(section);

  // index.html: rows are hidden by what is chosen; without scripts all are shown.
  const table = document.getElementById("runs");
  const filters = document.getElementById("filters");
  if (table && filters) {
    filters.hidden = false;
    const apply = () => {
      let shown = 0;
      const chosen = [...filters.querySelectorAll("select")].filter((s) => s.value !== "");
      const fits = (e) => chosen.every((s) => !(s.name in e.dataset) || e.dataset[s.name] === s.value);
      for (const e of document.querySelectorAll("tr[data-scenario], th[data-version], td[data-version]")) {
        e.hidden = !fits(e) && e.dataset.status === undefined || e.matches("#runs tr") && !fits(e);
        e.classList.toggle("out", !fits(e));
        if (e.matches("#runs tr") && !e.hidden) shown++;
      }
      filters.querySelector("output").textContent = shown + " rows shown";
    };
    filters.addEventListener("change", apply);
    apply();
  }
})();
