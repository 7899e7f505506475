// Makes a page that is whole without it handier: copy buttons, filters, tables to sort, tabs that say which is open.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return document.execCommand("copy");
  }
}

function addCopyButton(text) {
  const heading = text.closest(".request").querySelector("h2, h3");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${heading.textContent}`);
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text)) ? "Copied" : "Select and copy";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  heading.after(button);
}

// The rows of a part of the page, and every control that narrows them: a search field by their words, a choice by
// their data-state. What is folded opens while something is searched for.
function addFilter(tools) {
  const controls = all("[data-filters]", tools);
  const part = document.getElementById(controls[0].dataset.filters);
  const said = tools.querySelector("[role=status]");
  const folds = all("details", part).map((fold) => [fold, fold.open]);
  const rows = all("tbody tr", part).map((row) => [row, row.textContent.toLowerCase()]);
  const narrow = () => {
    const words = controls.filter((c) => c.type === "search").flatMap((c) => c.value.toLowerCase().split(/\s+/));
    const states = controls.filter((c) => c.type !== "search" && c.value).map((c) => c.value);
    let count = 0;
    for (const [row, text] of rows) {
      row.hidden = !(words.every((word) => text.includes(word)) && states.every((state) => row.dataset.state === state));
      count += !row.hidden;
    }
    const isNarrowed = count < rows.length;
    for (const [fold, wasOpen] of folds) {
      fold.hidden = !fold.querySelector("tbody tr:not([hidden])");
      fold.open = isNarrowed || wasOpen;
    }
    said.textContent = isNarrowed ? `${count} of ${rows.length}` : "";
  };
  for (const control of controls) control.addEventListener("input", narrow);
}

const keyOf = (row, column) => row.cells[column].dataset.order ?? row.cells[column].textContent.trim();

function addSorting(table) {
  const heads = all("thead th", table);
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const compare = (a, b) => keyOf(a, column).localeCompare(keyOf(b, column), "en", { numeric: true });
      body.append(...[...body.rows].sort(falls ? (a, b) => compare(b, a) : compare));
    });
  });
}

// Which of the views in one file is open; the style sheet shows it, this says it.
function markView() {
  const open = location.hash.startsWith("#findings") ? "#findings" : "#answer";
  for (const tab of all(".alone > .tabs a")) {
    if (tab.getAttribute("href") === open) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

// In a long table the chosen row is brought into its box; the page itself stays where it is.
function showChosen(row) {
  const box = row.closest(".scroll.long");
  if (box) box.scrollTop = row.offsetTop - box.clientHeight / 2;
}

all(".request .copied").forEach(addCopyButton);
all(".tools:has([data-filters])").forEach(addFilter);
all("table.sortable").forEach(addSorting);
all("tr.chosen").forEach(showChosen);
// On paper nothing can be unfolded.
addEventListener("beforeprint", () => { for (const fold of all("details.printed")) fold.open = true; });
addEventListener("hashchange", markView);
markView();
