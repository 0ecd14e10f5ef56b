// Tables: a click on a heading sorts, a box above a long table filters. Without scripts they are as they were written.
"use strict";
{
  const FILTERED = 10; // rows from which a table has a box to filter it

  const text = (row, column) => row.cells[column].textContent.trim();

  // A cell begins with its number, such as "−0.12 ± 0.03"; a dash stands for none and comes last.
  function number(cell) {
    const found = /^<?\s*([−-]?\d+(?:\.\d+)?(?:e[−-]?\d+)?)/i.exec(cell);
    return found ? Number(found[1].replaceAll("−", "-")) : cell === "–" ? NaN : null;
  }

  function order(first, second) {
    const [a, b] = [number(first), number(second)];
    if (a === null || b === null) return first.localeCompare(second, "en", { numeric: true });
    return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : a - b;
  }

  function sort(table, heading, column) {
    const falling = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].sort((a, b) => order(text(a, column), text(b, column)));
    table.tBodies[0].append(...(falling ? rows.reverse() : rows));
  }

  function sortable(table) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      if ([...table.tBodies[0].rows].every((row) => !text(row, column))) return;
      const button = document.createElement("button");
      button.type = "button";
      button.title = "sort";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, heading, column));
      heading.append(button);
    });
  }

  function filterable(table) {
    const label = document.createElement("label"), box = document.createElement("input");
    label.className = "filter";
    box.type = "search";
    box.addEventListener("input", () => {
      const wanted = box.value.toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    label.append("filter rows: ", box);
    table.parentElement.before(label);
  }

  for (const table of document.querySelectorAll("table")) {
    if (table.tBodies[0].rows.length > 1) sortable(table);
    if (table.tBodies[0].rows.length >= FILTERED) filterable(table);
  }
}
