"use strict";

// Without this script all tables are there, in the order in which they were written.
const said = document.getElementById("said");

function compare(one, other) {
  const [a, b] = [one, other].map((cell) => cell.dataset.order);
  if (a === "" || b === "") return (a === "") - (b === "");
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
}

function isEmpty(cell) {
  return cell.dataset.order === "" || cell.dataset.order === "nan";
}

function sort(table, head) {
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const at = head.cellIndex;
  const rows = [...table.tBodies[0].rows];
  const full = rows.filter((row) => !isEmpty(row.cells[at]));
  full.sort((a, b) => direction * compare(a.cells[at], b.cells[at]));
  table.tBodies[0].append(...full, ...rows.filter((row) => isEmpty(row.cells[at]))); // empty cells always last
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  const word = direction === 1 ? "ascending" : "descending";
  head.setAttribute("aria-sort", word);
  said.textContent = `Sorted by ${head.textContent}, ${word}.`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head));
    head.append(button);
    head.setAttribute("aria-sort", "none");
  }
}

const filter = document.getElementById("filter");
if (filter) {
  const rows = [...document.getElementById(filter.dataset.table).tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const count = document.getElementById("filter-count");
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} runs`;
  };
  filter.addEventListener("input", show);
  filter.closest("p").hidden = false;
  show();
}

// Says where a table is wider than its box. Without this script the shadow at the box's edge says it.
const cues = [...document.querySelectorAll(".cue")];
const cue = () => {
  for (const one of cues) {
    const box = one.nextElementSibling;
    one.hidden = box.scrollWidth <= box.clientWidth + 1;
  }
};
window.addEventListener("resize", cue);
cue();

let opened = []; // print shows what is folded away
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const one of opened) one.open = true;
});
window.addEventListener("afterprint", () => {
  for (const one of opened) one.open = false;
});
