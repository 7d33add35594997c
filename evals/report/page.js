"use strict";
// Foreign text only ever becomes text nodes and attribute values: nothing here parses markup.
const byId = (id) => document.getElementById(id);
const words = JSON.parse(byId("words").textContent);
const say = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, key) => String((values || {})[key] ?? ""));
document.documentElement.classList.add("has-script");

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// --- the talks, unpacked once

let unpacked = null;
async function unpack() {
  if (unpacked) return unpacked;
  if (!("DecompressionStream" in window)) {
    byId("no-unpack").hidden = false;
    return null;
  }
  const bytes = Uint8Array.from(atob(byId("talks").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  unpacked = JSON.parse(await new Response(stream).text());
  unpacked.byKey = new Map(unpacked.cases.map((one) => [`${one.id}@${one.v}`, one]));
  return unpacked;
}

// --- where we are: all of it stands in the address, so that it can be sent and gone back to

const FILTERS = ["suite", "severity", "tag", "check", "status", "q"];
const rows = Array.from(document.querySelectorAll("#list tbody tr"));
let place = new URLSearchParams();

function readPlace() {
  const hash = location.hash.slice(1);
  const isPlace = hash.includes("=");
  const wanted = new URLSearchParams(isPlace ? hash : "");
  if (!isPlace) for (const name of FILTERS) if (place.get(name)) wanted.set(name, place.get(name));
  // A link names what it changes; what it does not name of the filters stays while a case is looked at.
  if (wanted.has("case")) for (const name of FILTERS) if (place.get(name) && !wanted.has(name)) wanted.set(name, place.get(name));
  return wanted;
}

function go(changes, { replace = false } = {}) {
  const next = new URLSearchParams(place);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const address = `#${next.toString() || "cases="}`;
  // Not location.hash: its event comes later, and a key that is typed until then would still see the old place.
  history[replace ? "replaceState" : "pushState"](null, "", address);
  arrive();
}

let overviewScroll = 0;
async function arrive() {
  const before = place;
  place = readPlace();
  filterRows();
  const wasCase = before.has("case");
  if (place.has("case")) {
    if (!wasCase) overviewScroll = scrollY;
    const data = await unpack();
    const found = data && data.byKey.get(`${place.get("case")}@${place.get("v") || "1"}`);
    if (found) {
      byId("overview").hidden = true;
      byId("case").hidden = false;
      const isSame = wasCase && before.get("case") === place.get("case") && before.get("v") === place.get("v");
      showCase(data, found);
      if (!isSame) {
        scrollTo({ top: 0, behavior: "instant" });
        byId("case").focus({ preventScroll: true });
      }
      return;
    }
  }
  const target = byId(location.hash.slice(1));
  closeCase(wasCase && !target);
  if (wasCase && target) target.scrollIntoView();
  if (place.has("suite") && !wasCase && before.get("suite") !== place.get("suite") && rows.length) byId("cases").scrollIntoView();
}

function closeCase(wasOpen) {
  byId("overview").hidden = false;
  byId("case").hidden = true;
  byId("case").replaceChildren();
  if (wasOpen) {
    scrollTo({ top: overviewScroll, behavior: "instant" });
    const here = rows.find((row) => row.classList.contains("is-here"));
    if (here && document.activeElement !== byId("q")) {
      here.scrollIntoView({ block: "nearest", behavior: "instant" });
      here.querySelector(".name").focus({ preventScroll: true });
    }
  }
}

// --- filters

let textOf = null;
function readTexts() {
  // Words said count too, once the talks are there.
  textOf = new Map(rows.map((row) => [row, fold(row.textContent)]));
  unpack().then((data) => {
    if (!data) return;
    rows.forEach((row, index) => {
      const places = new Set(data.cases[index].runs.map((run) => run[4]).filter((talk) => talk >= 0));
      const said = [...places].flatMap((talk) => data.talks[talk].e.filter((event) => "ca".includes(event[0])).map((event) => data.strings[event[2]]));
      textOf.set(row, `${textOf.get(row)}\n${fold([...new Set(said)].join("\n"))}`);
    });
    filterRows();
  });
}
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function filterRows() {
  if (!rows.length) return;
  const query = fold((place.get("q") || "").trim());
  if (query && !textOf) readTexts();
  const statuses = (place.get("status") || "").split(" ").filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const own = row.dataset;
    const fits =
      ["suite", "severity"].every((name) => !place.get(name) || own[name] === place.get(name)) &&
      ["tag", "check"].every((name) => !place.get(name) || own[name].split(" ").includes(place.get(name))) &&
      (!statuses.length || statuses.some((status) => own.status.split(" ").includes(status))) &&
      (!query || query.split(/\s+/).every((word) => textOf.get(row).includes(word)));
    row.hidden = !fits;
    count += fits;
  }
  for (const select of document.querySelectorAll("[data-filter]")) select.value = place.get(select.dataset.filter) || "";
  for (const chip of document.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", String(statuses.includes(chip.dataset.status)));
  if (document.activeElement !== byId("q")) byId("q").value = place.get("q") || "";
  byId("shown").textContent = byId("shown").dataset.text.replace("{shown}", count).replace("{count}", rows.length);
  byId("reset").hidden = !FILTERS.some((name) => place.get(name));
  byId("none").hidden = count > 0;
}

const visibleRows = () => rows.filter((row) => !row.hidden);
const addressOf = (row) => new URLSearchParams(row.querySelector(".name").getAttribute("href").slice(1));

function mark(row) {
  for (const other of rows) other.classList.toggle("is-here", other === row);
}

function step(direction) {
  const shown = visibleRows();
  if (!shown.length) return;
  const at = place.has("case")
    ? shown.findIndex((row) => addressOf(row).get("case") === place.get("case") && (addressOf(row).get("v") || "1") === (place.get("v") || "1"))
    : shown.findIndex((row) => row.classList.contains("is-here"));
  const next = shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + direction))];
  mark(next);
  if (place.has("case")) openRow(next);
  else {
    next.querySelector(".name").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
}

function openRow(row, cell, repeat) {
  mark(row);
  const address = addressOf(row);
  go({ case: address.get("case"), v: address.get("v"), cell: cell ?? null, repeat: repeat ?? null, with: null }, { replace: place.has("case") });
}

byId("list")?.addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || String(getSelection())) return;
  event.preventDefault();
  const box = event.target.closest(".box");
  const cell = box && new URLSearchParams(box.getAttribute("href").slice(1)).get("cell");
  openRow(row, cell, event.target.dataset.r);
});
for (const select of document.querySelectorAll("[data-filter]")) select.addEventListener("change", () => go({ [select.dataset.filter]: select.value }, { replace: true }));
for (const chip of document.querySelectorAll(".chip")) {
  chip.addEventListener("click", () => {
    const statuses = new Set((place.get("status") || "").split(" ").filter(Boolean));
    if (!statuses.delete(chip.dataset.status)) statuses.add(chip.dataset.status);
    go({ status: [...statuses].join(" ") }, { replace: true });
  });
}
byId("q")?.addEventListener("input", () => go({ q: byId("q").value }, { replace: true }));
byId("reset")?.addEventListener("click", () => {
  byId("q").value = "";
  go(Object.fromEntries(FILTERS.map((name) => [name, null])), { replace: true });
});

// --- light and dark

const THEMES = ["auto", "light", "dark"];
function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = byId("theme");
  button.textContent = `${button.dataset.name}: ${button.dataset[theme]}`;
  button.dataset.now = theme;
}
function keptTheme() {
  try {
    return localStorage.getItem("master-ia-report-theme") || "auto";
  } catch {
    return "auto";
  }
}
byId("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(byId("theme").dataset.now) + 1) % THEMES.length];
  showTheme(next);
  try {
    localStorage.setItem("master-ia-report-theme", next);
  } catch { /* a page from disk may not keep anything */ }
});

// --- keys

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => {
    if (place.has("case")) leaveCase();
    byId("q")?.focus();
    byId("q")?.select();
  },
  "?": () => byId("help").showModal(),
  d: () => goDifference(),
  e: () => goFailure(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape") {
    if (isTyping) event.target.blur();
    else if (place.has("case")) leaveCase();
    return;
  }
  if (isTyping) return;
  if (/^[1-9]$/.test(event.key) && place.has("case")) chooseRepeat(Number(event.key) - 1);
  else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
// What is folded away on the screen is printed all the same.
addEventListener("beforeprint", () => { for (const more of document.querySelectorAll("details.more")) more.open = true; });
byId("help-button").addEventListener("click", () => byId("help").showModal());
const leaveCase = () => go({ case: null, v: null, cell: null, repeat: null, with: null });
