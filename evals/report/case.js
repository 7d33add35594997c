// --- one scenario: two talks side by side, turn by turn

const CELL = 0, REPEAT = 1, MARK = 2, CAUSE = 3, TALK = 4, CHECKS = 5, QUIET = 6, MS = 7, ERROR = 8, KNOWN = 9;
const SPEECH = new Set(["c", "a"]);
const SAID = document.documentElement.lang === "pt-BR" ? null : "pt-BR"; // the language of talks and of what checks found
let now = null; // what the open case shows: data, found, run, other, first (differing turn)

function showCase(data, found) {
  const runs = found.runs;
  const cell = Number(place.get("cell") ?? runs.find((run) => run[MARK] !== "pass")?.[CELL] ?? runs[0][CELL]);
  const own = runs.filter((run) => run[CELL] === cell);
  const wanted = place.get("repeat");
  const run = own.find((each) => String(each[REPEAT]) === wanted) || own.find((each) => each[MARK] === "block") || own.find((each) => each[MARK] === "fail") || own[0] || runs[0];
  const others = choices(data, found, run);
  const chosen = place.get("with");
  const other = chosen === "none" ? null : (others.find((each) => each.key === chosen) || usual(data, run, others));
  now = { data, found, run, other, own, first: null, failure: -1 };
  const row = rows[data.cases.indexOf(found)];
  mark(row);
  const talk = data.talks[run[TALK]];
  const before = other && data.talks[other.run[TALK]];
  byId("case").replaceChildren(
    bar(row), head(row), chooser(others), ...findings(run), talkView(talk, before), ...endView(talk, before),
  );
}

function choices(data, found, run) {
  const listed = [];
  const add = (each, from, cells) => listed.push({
    key: `${from}${each[CELL]}.${each[REPEAT]}`, from, run: each,
    name: `${cells[each[CELL]]} · ${say("repeat", { repeat: each[REPEAT] + 1 })} · ${markName(each)}`,
  });
  for (const each of found.before) if (each[TALK] >= 0) add(each, "b", data.baselineCells);
  for (const each of found.runs) if (each !== run && each[TALK] >= 0) add(each, "c", data.cells);
  return listed;
}

function usual(data, run, others) {
  // The baseline's; else a repeat that ended otherwise; else the same repeat of another cell.
  const partner = data.partners[run[CELL]];
  const baseline = others.filter((each) => each.from === "b" && each.run[CELL] === partner);
  const sisters = others.filter((each) => each.from === "c");
  return (
    baseline.find((each) => each.run[MARK] === "pass" && run[MARK] !== "pass") ||
    baseline.find((each) => each.run[REPEAT] === run[REPEAT]) || baseline[0] ||
    sisters.find((each) => each.run[CELL] === run[CELL] && run[MARK] !== "pass" && each.run[MARK] === "pass") ||
    sisters.find((each) => each.run[CELL] !== run[CELL] && each.run[REPEAT] === run[REPEAT]) || null
  );
}

const MARK_WORDS = { pass: "passed", fail: "failed", block: "block", void: "void" };
const markName = (run) => say(MARK_WORDS[run[MARK]]);
const markTile = (run) => make("i", { class: `m ${run[MARK]}`, title: markName(run) });

function bar(row) {
  const shown = visibleRows();
  const at = shown.indexOf(row);
  const copy = make("button", {
    class: "button copy", type: "button",
    onclick: async () => { await navigator.clipboard?.writeText(location.href); copy.textContent = say("copied"); },
  }, say("copy"));
  return make("div", { class: "case-bar" },
    make("button", { class: "button", type: "button", id: "back", "aria-keyshortcuts": "Escape", onclick: leaveCase }, `← ${say("back")}`),
    make("span", { class: "grow" }),
    copy,
    make("span", { class: "place" }, at < 0 ? "" : say("place", { place: at + 1, count: shown.length })),
    make("button", { class: "button", type: "button", "aria-keyshortcuts": "k", disabled: at <= 0, "aria-label": say("previous"), onclick: () => step(-1) }, "↑", make("span", { class: "word" }, ` ${say("previous")}`)),
    make("button", { class: "button", type: "button", "aria-keyshortcuts": "j", disabled: at < 0 || at === shown.length - 1, "aria-label": say("next"), onclick: () => step(1) }, "↓", make("span", { class: "word" }, ` ${say("next")}`)),
  );
}

function head(row) {
  const { found } = now;
  const about = row.querySelector(".about");
  const facts = make("p", { class: "case-facts" }, ...Array.from(about.childNodes, (node) => node.cloneNode(true)));
  facts.append(` · ${say("version", { version: found.v })}`);
  if (found.channel) facts.append(` · ${say("channel")}: ${found.channel}`);
  const view = make("div", { class: "case-head" }, make("h1", { class: "case-title", lang: SAID }, row.querySelector(".name").textContent), facts);
  const [persona, goal, ...hidden] = found.about;
  const lines = [["persona", persona], ["goal", goal], ["hidden", hidden.join("; ")]].filter(([, text]) => text);
  if (lines.length) view.append(make("p", { class: "muted" }, lines.map(([name, text]) => `${say(name)}: ${text}`).join(" · ")));
  return view;
}

function chooser(others) {
  const { data, found, run, own, other } = now;
  const view = make("div", { class: "choose" });
  const cells = [...new Set(found.runs.map((each) => each[CELL]))];
  if (cells.length > 1) {
    const select = make("select", { id: "cell" }, ...cells.map((cell) => make("option", { value: cell, selected: cell === run[CELL] }, data.cells[cell])));
    select.addEventListener("change", () => go({ cell: select.value, repeat: null, with: null }, { replace: true }));
    view.append(make("label", { class: "field" }, make("span", {}, say("cell")), select));
  }
  const repeats = own.map((each) => make("button", {
    type: "button", "aria-pressed": String(each === run), title: markName(each), onclick: () => go({ cell: each[CELL], repeat: each[REPEAT], with: null }, { replace: true }),
  }, markTile(each), String(each[REPEAT] + 1)));
  view.append(make("div", { class: "field" }, make("span", {}, say("repeats")), make("div", { class: "switch", id: "repeats" }, ...repeats)));
  const select = make("select", { id: "with" }, make("option", { value: "none" }, say("nothing")),
    ...group("baseline", others.filter((each) => each.from === "b")), ...group("candidate", others.filter((each) => each.from === "c")));
  select.value = other ? other.key : "none";
  select.addEventListener("change", () => go({ cell: run[CELL], repeat: run[REPEAT], with: select.value }, { replace: true }));
  if (others.length) view.append(make("label", { class: "field" }, make("span", {}, say("compare_with")), select));
  return view;
}

const group = (name, listed) => listed.length ? [make("optgroup", { label: say(name) }, ...listed.map((each) => make("option", { value: each.key }, each.name)))] : [];

function checksOf(run) {
  return run[CHECKS].map((index) => {
    const [id, kind, severity, turn, hasPassed, detail, ground] = now.data.checks[index];
    return { id, kind, severity, turn, hasPassed, detail: now.data.strings[detail], ground: now.data.strings[ground] };
  });
}

function findings(run) {
  const { data, found } = now;
  const checks = checksOf(run);
  const failed = checks.filter((check) => !check.hasPassed && check.kind !== "judge");
  const advice = checks.filter((check) => check.kind === "judge");
  const quiet = data.strings[run[QUIET]].split(",").filter(Boolean);
  const parts = [];
  const text = (place) => data.strings[place];
  if (text(run[KNOWN])) parts.push(make("p", { class: "note" }, say("known", { reason: text(run[KNOWN]) })));
  if (text(run[ERROR])) parts.push(make("p", { class: "note" }, say("error", { error: text(run[ERROR]) })));
  const list = make("div", { class: "findings" });
  if (failed.length) {
    const cause = text(run[CAUSE]);
    list.append(make("h2", {}, `${say("failed_checks")} (${failed.length})`, cause ? make("small", {}, `  ${say("cause", { cause: say(`cause_${cause}`) })}`) : ""));
    list.append(...failed.map(finding));
  } else if (run[MARK] === "pass") list.append(make("p", { class: "fine" }, markTile(run), say("all_passed")));
  if (advice.length) list.append(make("h2", {}, say("advice")), ...advice.map(finding));
  if (quiet.length) list.append(make("details", {}, make("summary", {}, say("passed_checks", { count: quiet.length })), make("p", { class: "passed-list" }, quiet.join(" · "))));
  parts.push(list);
  if (found.before.length && !found.before.some((each) => each[TALK] >= 0)) parts.push(make("p", { class: "muted" }, say("no_baseline_talk")));
  return parts;
}

function finding(check) {
  const isTurn = check.turn !== null;
  const tone = check.hasPassed ? "good" : check.kind === "judge" ? "warn" : check.severity;
  return make("button", { class: `finding is-${tone}`, type: "button", disabled: !isTurn, onclick: () => goTurn(check.turn) },
    make("span", { class: `badge is-${tone}` }, say(`severity_${check.severity}`)),
    make("code", {}, check.id),
    make("span", { class: "go" }, isTurn ? `${say("see_turn", { turn: check.turn })} ↓` : ""),
    check.detail ? make("span", { class: "detail", lang: SAID }, check.detail) : "",
    check.ground ? make("span", { class: "ground" }, say("ground", { ground: check.ground })) : "");
}

// --- the talk

function turnsOf(talk) {
  const turns = new Map();
  for (const event of talk ? talk.e : []) {
    if (!turns.has(event[1])) turns.set(event[1], []);
    turns.get(event[1]).push(event);
  }
  return turns;
}

// A protocol is another one at every run: that it differs says nothing.
const steady = (text, talk) => talk.codes.reduce((said, code) => said.replaceAll(now.data.strings[code], "…"), text);
function signature(talk, events) {
  const text = (event, ...places) => places.map((at) => steady(now.data.strings[event[at]], talk)).join("\u0001");
  return (events || []).map((event) => {
    if (event[0] === "c" || event[0] === "a") return `${event[0]}${text(event, 2)}`;
    if (event[0] === "r") return `r${text(event, 2)}`;
    if (event[0] === "t") return `t${text(event, 2, 3)}`;
    if (event[0] === "d") return `d${text(event, 2, 4, 5)}`;
    return "";
  }).filter(Boolean).join("\u0002");
}

function talkView(talk, before) {
  const { run, other } = now;
  if (!talk) return make("p", { class: "empty" }, say("no_talk"));
  const mine = turnsOf(talk), theirs = turnsOf(before);
  const numbers = [...new Set([...mine.keys(), ...theirs.keys()])].sort((a, b) => a - b);
  if (before) now.first = numbers.find((turn) => signature(talk, mine.get(turn)) !== signature(before, theirs.get(turn))) ?? null;
  const view = make("div", { class: before ? "talk is-two" : "talk", "data-side": "right" });
  if (before) {
    view.append(make("p", { class: "muted" }, now.first === null ? say("no_difference")
      : make("button", { class: "button", type: "button", id: "difference", "aria-keyshortcuts": "d", onclick: goDifference }, say("go_difference", { turn: now.first }))));
    view.append(sides(view));
    view.append(make("div", { class: "talk-heads" }, sideName(other.run, other.from === "b" ? "baseline" : "candidate", other.from), sideName(run, "candidate", "c")));
  }
  for (const number of numbers) view.append(turnView(number, talk, mine.get(number), before, theirs.get(number)));
  if (talk.by !== "customer") view.append(make("p", { class: "note" }, say(`ended_${talk.by}`)));
  return view;
}

function sideName(run, name, from) {
  const cells = from === "b" ? now.data.baselineCells : now.data.cells;
  return make("div", { class: "side-name" }, markTile(run), make("span", {}, say(name)), make("small", {}, `${cells[run[CELL]]} · ${say("repeat", { repeat: run[REPEAT] + 1 })}`));
}

function sides(view) {
  const buttons = [["left", now.other.from === "b" ? "baseline" : "candidate"], ["right", "candidate"], ["both", null]].map(([side, name]) => {
    const label = side === "both" ? "⇅" : name === "candidate" && now.other.from === "c" ? `${say(name)} ${(side === "left" ? now.other.run : now.run)[REPEAT] + 1}` : say(name);
    return make("button", { type: "button", "aria-pressed": String(side === "right"), "data-side": side, onclick: () => {
      view.dataset.side = side;
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.side === side));
    } }, label);
  });
  return make("div", { class: "switch sides", role: "group", "aria-label": say("only_side") }, ...buttons);
}

function turnView(number, talk, events, before, othersEvents) {
  const isFirst = now.first === number;
  const clock = new Map(talk.t).get(number) ?? (before && new Map(before.t).get(number));
  const ms = number > 0 ? now.run[MS][number - 1] : undefined;
  const name = make("div", { class: "turn-name" }, make("span", {}, number ? say("turn", { turn: number }) : say("opening")),
    make("span", { class: "time" }, [clock === undefined ? "" : now.data.strings[clock], ms === undefined ? "" : say("ms", { ms })].filter(Boolean).join(" · ")),
    isFirst ? make("span", { class: "badge", style: "--tone: var(--blue); --tone-soft: var(--blue-soft)" }, say("first_difference")) : "");
  const columns = before ? [sideView(othersEvents, events, "is-left", now.other.run, number, isFirst), sideView(events, othersEvents, "is-right", now.run, number, isFirst)]
    : [sideView(events, null, "is-right", now.run, number, false)];
  return make("section", { class: isFirst ? "turn is-different" : "turn", "data-turn": number, tabindex: -1 }, name, make("div", { class: "turn-sides" }, ...columns));
}

function sideView(events, others, side, run, number, isFirst) {
  if (!events) return make("div", { class: `turn-side is-missing ${side}` }, make("span", { class: "muted" }, say("missing_turn")));
  const said = { c: (others || []).filter((event) => event[0] === "c"), a: (others || []).filter((event) => event[0] === "a") };
  const counts = { c: 0, a: 0 };
  const parts = events.map((event) => {
    const twin = SPEECH.has(event[0]) ? said[event[0]][counts[event[0]]++] : null;
    return eventView(event, isFirst && others ? (twin ? now.data.strings[twin[2]] : "") : null);
  });
  const failed = checksOf(run).filter((check) => !check.hasPassed && check.kind !== "judge" && check.turn === number);
  for (const check of failed) parts.push(make("p", { class: "turn-failure" }, "✕ ", make("code", {}, check.id), check.detail ? ` · ${check.detail}` : ""));
  return make("div", { class: `turn-side ${side}` }, ...parts);
}

function eventView(event, twin) {
  const text = (at) => now.data.strings[event[at]];
  switch (event[0]) {
    case "c": {
      const kind = text(3) === "text" ? "" : ` · ${text(3)}`;
      return make("div", { class: kind ? "bubble customer" : "bubble customer is-plain", dir: "auto", lang: SAID }, make("span", { class: "author" }, say("customer") + kind), ...marked(text(2), twin));
    }
    case "a": {
      const by = text(5) === "campaign" ? say("campaign") : text(3) || say("agent");
      const verdict = ["none", "approved"].includes(text(4)) ? "" : ` · ${words[text(4)] || text(4)}`;
      return make("div", { class: "bubble agent", dir: "auto", lang: SAID }, make("span", { class: "author", title: text(6) || null }, by + verdict), ...marked(text(2), twin));
    }
    case "r":
      return make("p", { class: "step route" }, `→ ${say("routed", { agent: text(2) || say("nobody") })}`, text(3) ? make("small", {}, ` · ${text(3)}`) : "");
    case "t":
      return toolView(text(2), text(3), text(4));
    case "o":
      return make("details", { class: "step observed" }, make("summary", {}, `${say("observer")}: ${words[text(2)] || text(2)}`, make("span", { class: "brief" }, text(3) ? ` · ${text(3).split("\n").join("; ")}` : "")),
        text(4) ? make("h5", {}, say("draft")) : "", text(4) ? make("pre", { dir: "auto" }, text(4)) : "");
    default:
      return changeView(text(2), event[3], text(4), text(5));
  }
}

function marked(text, twin) {
  // Show where two versions of one sentence part: what is between their common beginning and end.
  if (twin === null || text === twin || !twin) return [text];
  const own = text.split(/(\s+)/), other = twin.split(/(\s+)/);
  let start = 0, end = 0;
  while (start < own.length && start < other.length && own[start] === other[start]) start++;
  while (end < own.length - start && end < other.length - start && own[own.length - 1 - end] === other[other.length - 1 - end]) end++;
  const middle = own.slice(start, own.length - end).join("");
  if (!middle.trim()) return [text];
  return [own.slice(0, start).join(""), make("mark", {}, middle), own.slice(own.length - end).join("")];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
const pretty = (text) => { const value = parsed(text); return value === undefined ? text : JSON.stringify(value, null, 2); };
const brief = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "–"));

function toolView(name, given, result) {
  const asked = parsed(given) || {};
  const answer = parsed(result);
  const refused = answer && answer.ok === false;
  const summary = Object.values(asked).map(brief).join(" · ");
  return make("details", { class: refused ? "step tool is-refused" : "step tool" },
    make("summary", {}, make("code", {}, name), make("span", { class: "brief" }, `(${summary})${refused ? ` → ${answer.erro || "✕"}` : ""}`)),
    make("h5", {}, say("arguments")), make("pre", {}, pretty(given)), make("h5", {}, say("result")), make("pre", {}, pretty(result)));
}

function changeView(table, row, before, after) {
  const old = parsed(before) || {}, next = parsed(after) || {};
  const kind = !before ? "came" : !after ? "went" : "changed";
  const keys = [...new Set([...Object.keys(old), ...Object.keys(next)])].filter((key) => brief(old[key]) !== brief(next[key]) && (before || next[key] !== null));
  const cells = keys.map((key) => make("span", {}, `${key}: `, key in old && brief(old[key]) !== "–" ? make("del", {}, brief(old[key])) : "", key in old && brief(old[key]) !== "–" && key in next ? " → " : "", key in next ? make("ins", {}, brief(next[key])) : ""));
  return make("div", { class: "step change" }, make("b", {}, `${words[`table_${table}`] || table}${row > 1 ? ` ${row}` : ""} · ${say(kind)} `), make("span", { class: "changes" }, ...cells));
}

function endView(talk, before) {
  if (!talk) return [];
  const end = (one) => now.data.strings[one.end];
  const isSame = before && steady(end(talk), talk) === steady(end(before), before);
  const side = (one, name) => make("div", { class: "step" }, name ? make("h5", {}, say(name)) : "", make("pre", {}, end(one) === "{}" ? say("same_as_start") : pretty(end(one))));
  const sides = before && !isSame ? [side(before, now.other.from === "b" ? "baseline" : "compare_with"), side(talk, "candidate")] : [side(talk, "")];
  const difference = before ? ` · ${say(isSame ? "end_same" : "end_differs")}` : "";
  return [make("details", { class: "card end" }, make("summary", {}, say("end") + difference), make("div", { class: "ends" }, ...sides))];
}

// --- moving in it

function goTurn(turn) {
  const section = document.querySelector(`.turn[data-turn="${Number(turn)}"]`);
  if (!section) return;
  for (const lit of document.querySelectorAll(".turn.is-lit")) lit.classList.remove("is-lit");
  section.classList.add("is-lit");
  section.scrollIntoView({ block: "start" });
  section.focus({ preventScroll: true });
}

function goDifference() {
  if (now && now.first !== null && place.has("case")) goTurn(now.first);
}

function goFailure() {
  if (!now || !place.has("case")) return;
  const turns = [...new Set(checksOf(now.run).filter((check) => !check.hasPassed && check.kind !== "judge" && check.turn !== null).map((check) => check.turn))].sort((a, b) => a - b);
  if (!turns.length) return;
  now.failure = (now.failure + 1) % turns.length;
  goTurn(turns[now.failure]);
}

function chooseRepeat(index) {
  const run = now && now.own[index];
  if (run) go({ cell: run[CELL], repeat: run[REPEAT], with: null }, { replace: true });
}

showTheme(keptTheme());
addEventListener("hashchange", arrive);
arrive();
