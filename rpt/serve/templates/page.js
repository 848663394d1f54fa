"use strict";

// All texts are set as text and never as markup: names of runs and answers may contain anything.
const find = (id) => document.getElementById(id);
const MOST_CHOICES = 8; // of an example with more choices, the most probable are shown
let runs = [];
let isJson = false;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const runsOfTask = () => runs.filter((run) => run.task === find("task").value);
const firstRun = () => runsOfTask()[0];
const boxes = () => [...find("run-list").querySelectorAll("input")];
const chosenNames = () => boxes().filter((box) => box.checked).map((box) => box.value);

function showFault(message) {
  find("fault").textContent = message;
  find("fault").hidden = !message;
}

async function fetchJson(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("The server does not answer. Start it again, then repeat the request.");
  }
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(value.error ?? `The server answers with status ${response.status}.`);
  return value;
}

function showRuns() {
  const items = runsOfTask().map((run) => {
    const box = make("input", { type: "checkbox", value: run.name });
    box.checked = true;
    const name = make("span", { class: "name" }, run.name, make("br"), make("span", { class: "caption" }, `encoder ${run.encoder}`));
    const score = make("span", { class: "score caption" }, run.score === null ? "" : `score ${run.score.toFixed(3)}`);
    return make("li", {}, make("label", {}, box, name, score));
  });
  find("run-list").replaceChildren(...items);
}

function field(name, title, kind) {
  const label = make("label", { for: `field-${name}` }, title);
  const area = make("textarea", { id: `field-${name}`, name, rows: "2", class: kind, spellcheck: "false" });
  return make("div", { class: "field" }, label, area);
}

function showFields() {
  const run = firstRun();
  find("as-json").setAttribute("aria-pressed", String(isJson));
  find("example").hidden = run.example === null;
  find("fields").replaceChildren(
    ...(isJson ? [field("json", `Row of ${run.task} as JSON: ${run.row}`, "json")] : run.fields.map((name) => field(name, name, "")))
  );
}

function readRow() {
  const areas = [...find("fields").querySelectorAll("textarea")];
  if (!isJson) return Object.fromEntries(areas.map((area) => [area.name, area.value]));
  try {
    return JSON.parse(areas[0].value);
  } catch (error) {
    areas[0].focus();
    throw new Error(`The row is not JSON: ${error.message}`);
  }
}

function fill(row) {
  for (const area of find("fields").querySelectorAll("textarea")) {
    area.value = isJson ? JSON.stringify(row, null, 2) : row[area.name] ?? "";
  }
}

function changeTask() {
  isJson = !firstRun().has_text_fields_only;
  showRuns();
  showFields();
  showFault("");
  find("results").hidden = true;
}

function bar(share) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("width", `${100 * share}%`);
  rect.setAttribute("height", "100%");
  svg.append(rect);
  return make("span", { class: "track", "aria-hidden": "true" }, svg);
}

function choiceItems(answer) {
  let choices = Object.entries(answer.log_probabilities ?? {});
  if (choices.length > MOST_CHOICES) choices = choices.sort((a, b) => b[1] - a[1]).slice(0, MOST_CHOICES);
  return choices.map(([choice, logProbability]) => {
    const share = logProbability === null ? 0 : Math.exp(logProbability);
    const text = logProbability === null ? "no number" : `${(100 * share).toFixed(1)} % (${logProbability.toFixed(3).replace(/^-0\.000$/, "0.000")})`;
    const numbers = make("span", { class: "numbers" }, text);
    const best = choice === answer.predicted ? { class: "best" } : {};
    return make("li", best, choice, bar(share), numbers);
  });
}

function answerItem(answer) {
  const run = runs.find((other) => other.name === answer.run);
  const name = make("p", { class: "run" }, answer.run, make("span", {}, `encoder ${run.encoder}`));
  const label = make("p", { class: "answer" }, String(answer.label));
  return make("li", {}, name, label, make("ul", { class: "choices", "aria-label": "Choices" }, ...choiceItems(answer)));
}

function summaryOf(answers) {
  const counts = new Map();
  for (const answer of answers) counts.set(answer.label, (counts.get(answer.label) ?? 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1]);
  if (!ordered.length) return "The task leaves this row out.";
  if (answers.length === 1) return `The run answers ${ordered[0][0]}.`;
  if (ordered.length === 1) return `All ${answers.length} runs answer ${ordered[0][0]}.`;
  return `The runs differ: ${ordered.map(([label, count]) => `${count} of ${answers.length} answer ${label}`).join(", ")}.`;
}

function showAnswers(answers) {
  const byExample = new Map();
  for (const answer of answers) {
    const key = JSON.stringify(answer.idx);
    byExample.set(key, [...(byExample.get(key) ?? []), answer]);
  }
  const parts = [...byExample].flatMap(([key, members]) => {
    const list = make("ol", { class: "answers" }, ...members.map(answerItem));
    return byExample.size > 1 ? [make("h3", {}, `Example ${key}: ${summaryOf(members)}`), list] : [list];
  });
  find("summary").textContent = byExample.size > 1 ? `The row has ${byExample.size} examples.` : summaryOf(answers);
  find("answers").replaceChildren(...parts);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function compare() {
  const names = chosenNames();
  if (!names.length) {
    boxes()[0].focus();
    throw new Error("No run is chosen. Choose one run or more.");
  }
  const body = JSON.stringify({ runs: names, rows: [readRow()] });
  const { answers } = await fetchJson("predict", { method: "POST", headers: { "content-type": "application/json" }, body });
  find("results").hidden = false;
  showAnswers(answers);
  const address = new URL("predict", location.href).href;
  find("shell").textContent = `curl ${address} -H 'content-type: application/json' -d ${quoted(body)}`;
  find("results").scrollIntoView({ block: "nearest" });
}

async function send() {
  const button = find("send");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await compare();
    showFault("");
  } catch (error) {
    find("results").hidden = true;
    showFault(error.message);
  }
  button.removeAttribute("aria-disabled");
}

async function start() {
  try {
    runs = (await fetchJson("runs")).runs;
  } catch (error) {
    showFault(error.message);
    return;
  }
  const tasks = [...new Set(runs.map((run) => run.task))];
  find("task").append(...tasks.map((task) => make("option", {}, task)));
  find("task-line").hidden = tasks.length === 1;
  find("form").hidden = false;
  changeTask();
}

find("task").addEventListener("change", changeTask);
find("all").addEventListener("click", () => boxes().forEach((box) => (box.checked = true)));
find("none").addEventListener("click", () => boxes().forEach((box) => (box.checked = false)));
find("example").addEventListener("click", () => fill(firstRun().example));
find("as-json").addEventListener("click", () => {
  let row = {};
  try {
    row = readRow();
  } catch {
    // a row that is not JSON is dropped when the form with its fields returns
  }
  isJson = !isJson;
  showFields();
  fill(row ?? {});
});
find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
find("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
});
start();
