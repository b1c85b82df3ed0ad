// What pages do beyond HTML. Each page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => within.querySelectorAll(selector);

  // The switch of the theme: system, light, dark, in turn.
  const themes = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  for (const button of all("[data-theme-switch]")) {
    const show = () => { button.textContent = themes[root.dataset.theme ?? ""]; };
    button.hidden = false;
    show();
    button.addEventListener("click", () => {
      const names = Object.keys(themes);
      const next = names[(names.indexOf(root.dataset.theme ?? "") + 1) % names.length];
      if (next) root.dataset.theme = next; else delete root.dataset.theme;
      try { if (next) localStorage.setItem("theme", next); else localStorage.removeItem("theme"); } catch { /* storage is off */ }
      show();
      document.dispatchEvent(new Event("themechange"));
    });
  }

  // On a narrow screen the navigation scrolls.
  document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  // Ages: the same words as figures.go.
  const age = (seconds) => {
    if (seconds < 0) return "0 s";
    if (seconds < 60) return Math.floor(seconds) + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min";
    if (seconds < 172800) return Math.floor(seconds / 3600) + " h " + Math.floor(seconds % 3600 / 60) + " min";
    return Math.floor(seconds / 86400) + " d";
  };
  const ages = () => {
    if (document.hidden) return;
    const now = Date.now() / 1000;
    for (const time of all("time[data-age]")) {
      const text = age(now - Date.parse(time.dateTime) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(ages, 15000);

  // Whether what the page shows is live.
  const live = document.getElementById("live");
  const say = (state, text) => { if (live) { live.dataset.state = state; live.textContent = text; } };
  for (const [name, state, text] of [["after:connection", "on", "Live"], ["error", "off", "Not live: trying again"], ["close", "off", "Not live"]]) {
    // The stream of a page that is not live says nothing about what the page shows.
    document.addEventListener("htmx:sse:" + name, (event) => { if (event.target.id !== "frame") say(state, text); });
  }

  // If the controller does not answer for 3 s, another one may. A page on which somebody has
  // written stays, and offers the others.
  const others = (document.body.dataset.others ?? "").split(" ").filter(Boolean);
  if (others.length) {
    const answers = (site) => fetch(site + "/livez", { mode: site ? "no-cors" : "same-origin", cache: "no-store", signal: AbortSignal.timeout(2000) }).then(() => true, () => false);
    const onward = (site) => site + location.pathname + location.search;
    let banner, began = 0, next;
    const offer = () => {
      if (banner) return;
      banner = document.createElement("p");
      banner.id = "away";
      banner.role = "alert";
      banner.append("This controller does not answer. Others:");
      for (const site of others) {
        const link = document.createElement("a");
        link.href = onward(site);
        link.textContent = new URL(site).host;
        banner.append(" ", link);
      }
      document.getElementById("main").before(banner);
    };
    const look = async () => {
      clearTimeout(next);
      const asked = Date.now();
      if (document.hidden || await answers("")) {
        began = 0;
        banner?.remove();
        banner = undefined;
      } else {
        began ||= asked;
        if (Date.now() - began >= 3000) {
          offer();
          for (const site of written() ? [] : others) {
            if (await answers(site)) { location.assign(onward(site)); return; }
          }
        }
      }
      clearTimeout(next);
      next = setTimeout(look, began ? 1000 : 5000);
    };
    next = setTimeout(look, 5000);
    document.addEventListener("htmx:sse:error", () => { if (!began) look(); });
  }

  // A stream tells who looks at the page by now. If that has changed, the page has wrong buttons,
  // or is no longer for this user. What somebody has begun to write is not thrown away.
  const written = () => [...all("main input, main textarea")].some((field) => field.value !== field.defaultValue && !field.closest("#filter"));
  document.addEventListener("you", (event) => {
    if (JSON.parse(event.detail.data) !== document.body.dataset.you && !written()) location.reload();
  });

  // A session ends with the controller, too. Then no stream tells it: the next one is refused.
  document.addEventListener("htmx:sse:error", (event) => { if (event.detail?.status === 401 && !written()) location.reload(); });

  // What a stream renews, it finds by its ID. Rows come apart from the rest, because they are
  // read in another way.
  const put = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    const renewed = [...template.content.children];
    for (const one of renewed) {
      const old = document.getElementById(one.id);
      const list = document.getElementById(one.dataset.into ?? "");
      if (old) old.replaceWith(one);
      else if (list) {
        document.getElementById("nothing")?.remove();
        list.insertBefore(one, one.dataset.order ? [...list.children].find((other) => other.dataset.order > one.dataset.order) ?? null : null);
      }
      while (list?.dataset.most && list.children.length > list.dataset.most) list.lastElementChild.remove();
    }
    document.dispatchEvent(new CustomEvent("renewed", { detail: renewed }));
    ages();
  };
  document.addEventListener("all", () => { document.getElementById("instances")?.replaceChildren(); });
  document.addEventListener("gone", (event) => {
    for (const id of JSON.parse(event.detail.data)) document.getElementById(id)?.remove();
  });
  document.addEventListener("parts", (event) => put(event.detail.data));
  document.addEventListener("rows", (event) => put(event.detail.data));

  // Charts: one for each figure, of the last hour, from the API.
  const units = (unit) => (u, values) => values.map((v) => {
    if (v == null) return "";
    if (unit === "1") return +(v * 100).toFixed(2) + " %";
    const scale = unit === "bytes" ? 1024 : 1000;
    let i = 0;
    while (Math.abs(v) >= scale && i < 5) { v /= scale; i++; }
    return +v.toPrecision(3) + (i ? " " : "") + ["", "k", "M", "G", "T", "P"][i] + (unit === "bytes" && i ? "iB" : "");
  });
  // Ticks of memory stand at 1, 2, 4 and so on of a unit: those that are round in tens have odd
  // names there.
  const binarySplits = (u, axis, low, high) => {
    let step = 2 ** Math.max(0, Math.floor(Math.log2(high / 3)));
    if (high / step > 4) step *= 2;
    return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
  };
  const clocks = (u, seconds) => seconds.map((s) => new Date(s * 1000).toISOString().slice(11, 16));
  const titles = { packets: "Packets per second", drop_share: "Dropped packets", cpu: "CPU, in processors", memory: "Memory", bits: "Bits per second", busy: "Processors at work" };
  const draw = async (box) => {
    const { instance, node, figures } = box.dataset;
    const iface = box.dataset.interface;
    const query = new URLSearchParams({ instance, figures });
    if (node) query.set("node", node);
    if (iface) query.set("interface", iface);
    if (box.dataset.from) query.set("from", box.dataset.from);
    const answer = await fetch("/api/v1/samples/history?" + query);
    if (!answer.ok) return;
    const { start, step_seconds: step, series } = await answer.json();
    const began = Date.parse(start) / 1000;
    box.replaceChildren();
    box.hidden = false;
    const style = getComputedStyle(root);
    const colour = (name) => { box.style.color = "var(" + name + ")"; const c = getComputedStyle(box).color; box.style.color = ""; return c; };
    const [line, grid, text] = ["--accent", "--line", "--muted"].map(colour);
    for (const one of series) {
      const points = one.points ?? [];
      if (!points.some((v) => v != null)) continue;
      const frame = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = titles[one.figure] ?? one.figure;
      frame.append(caption);
      box.append(frame);
      const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "11px " + style.fontFamily };
      new uPlot({
        width: frame.clientWidth, height: 140, legend: { show: false }, cursor: { y: false },
        series: [{}, { stroke: line, width: 1.5, points: { show: false } }],
        scales: { y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        axes: [
          { ...axis, space: 60, size: 28, values: clocks },
          { ...axis, size: 66, space: 28, values: units(one.unit), ...(one.unit === "bytes" && { splits: binarySplits }) },
        ],
      }, [points.map((_, i) => began + i * step), points], frame);
    }
    box.hidden = box.children.length === 0;
  };
  const drawAll = () => { if (window.uPlot) for (const box of all(".charts")) draw(box); };
  drawAll();
  document.addEventListener("themechange", drawAll);
  if (document.querySelector(".charts")) {
    setInterval(() => { if (!document.hidden) drawAll(); }, 30000);
    let width = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
  }

  // The filter of the fleet hides rows.
  const board = document.getElementById("board");
  if (board) {
    const instances = document.getElementById("instances");
    const filter = document.getElementById("filter");
    const wanted = () => ({ text: filter.text.value.trim().toLowerCase(), role: filter.role.value, state: filter.state.value });
    const takes = (want, row) => {
      const { name, role, state } = row.dataset;
      return (!want.role || want.role === role) &&
        (!want.state || want.state === state || (want.state === "not-running" && state !== "RUNNING")) &&
        (!want.text || name.includes(want.text) || row.closest("section").dataset.instance.toLowerCase().includes(want.text));
    };
    // hide shows the rows that the filter takes, and the instances that have some.
    const hide = () => {
      const want = wanted();
      const filters = Boolean(want.text || want.role || want.state);
      let shown = 0, total = 0;
      for (const section of instances.children) {
        let here = 0;
        for (const row of section.querySelectorAll("tbody tr")) {
          const hidden = !takes(want, row);
          if (row.hidden !== hidden) row.hidden = hidden;
          total++;
          if (!hidden) here++;
        }
        const hidden = filters && here === 0 && !(want.text && !want.role && !want.state && section.dataset.instance.toLowerCase().includes(want.text));
        if (section.hidden !== hidden) section.hidden = hidden;
        shown += here;
      }
      const text = filters ? shown + " of " + total + " nodes" : "";
      const said = document.getElementById("shown");
      if (said.textContent !== text) said.textContent = text;
      document.getElementById("none").hidden = !filters || shown > 0;
    };
    filter.addEventListener("submit", (event) => event.preventDefault());
    filter.querySelector("button").hidden = true;
    filter.addEventListener("input", () => {
      hide();
      const query = new URLSearchParams();
      for (const name of ["text", "role", "state"]) if (filter[name].value.trim()) query.set(name, filter[name].value.trim());
      history.replaceState(null, "", query.size ? "?" + query : location.pathname);
    });
    hide();

    document.addEventListener("renewed", (event) => {
      const want = wanted();
      const rows = event.detail.filter((one) => one.matches("tr"));
      for (const row of rows) row.hidden = !takes(want, row);
      if (rows.length < event.detail.length || want.state) hide();
    });
  }
})();
