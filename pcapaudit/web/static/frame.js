// Fields and bytes of a dissected frame show each other, as in Wireshark. Works on whatever stands in the page, also
// in what was put there later.
const LINE = 16;
const OFFSET = 4 + 2;
const TEXT = OFFSET + 3 * LINE - 1 + 2;
const WHOLE = TEXT + LINE + 1;

const placeOf = (field) => [Number(field.dataset.at), Number(field.dataset.at) + Number(field.dataset.size)];

// The bytes and their characters, a range for each line that they touch.
function* rangesOf(text, start, end) {
  for (let at = start; at < end; at = (Math.floor(at / LINE) + 1) * LINE) {
    const line = Math.floor(at / LINE) * WHOLE;
    const first = at % LINE;
    const last = Math.min(first + end - at, LINE) - 1;
    for (const [from, to] of [[OFFSET + 3 * first, OFFSET + 3 * last + 2], [TEXT + first, TEXT + last + 1]]) {
      if (line + to > text.length) continue;
      const range = document.createRange();
      range.setStart(text, line + from);
      range.setEnd(text, line + to);
      yield range;
    }
  }
}

function showBytes(field) {
  const frame = field.closest(".frame");
  const dump = frame.querySelector(`.hex[data-part="${field.dataset.part ?? 0}"]`);
  const part = dump.closest(".part");
  if (part && field.dataset.at) for (const other of frame.querySelectorAll(".part")) other.open = other === part;
  const ranges = field.dataset.at ? [...rangesOf(dump.firstChild, ...placeOf(field))] : [];
  if (CSS.highlights) CSS.highlights.set("field", new Highlight(...ranges));
  for (const other of frame.querySelectorAll(".tree .now")) other.classList.remove("now");
  field.classList.add("now");
  const [start, end] = placeOf(field);
  const where = field.dataset.at ? (end - start === 1 ? `byte ${start}` : `bytes ${start} to ${end - 1}`) : "no byte";
  frame.querySelector(".chosen").textContent = [field.dataset.name, where].filter(Boolean).join(" · ");
  if (ranges.length) {
    const box = dump.parentElement;
    const mark = ranges[0].getBoundingClientRect();
    const seen = box.getBoundingClientRect();
    if (mark.top < seen.top || mark.bottom > seen.bottom) box.scrollTop += mark.top - seen.top - 8;
  }
}

// The smallest field that holds a byte.
function fieldAt(frame, part, byte) {
  let best = null;
  for (const field of frame.querySelectorAll(`.tree [data-part="${part}"]`)) {
    const [start, end] = placeOf(field);
    if (start <= byte && byte < end && (!best || end - start <= Number(best.dataset.size))) best = field;
  }
  return best;
}

function byteAt(dump, event) {
  const caret = document.caretPositionFromPoint?.(event.clientX, event.clientY);
  const [node, offset] = caret ? [caret.offsetNode, caret.offset] : [null, 0];
  if (node !== dump.firstChild) return null;
  const column = offset % WHOLE;
  const inLine = column >= TEXT ? column - TEXT : Math.floor((column - OFFSET) / 3);
  return inLine < 0 || inLine >= LINE ? null : Math.floor(offset / WHOLE) * LINE + inLine;
}

function reveal(field) {
  for (let box = field.parentElement.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  if (field.tagName !== "SUMMARY") field.tabIndex = -1;
  field.focus({ preventScroll: true });
  field.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  const field = event.target.closest(".tree summary, .tree li > span, .tree p > span");
  const dump = event.target.closest(".frame .hex");
  if (field) {
    showBytes(field);
  } else if (dump) {
    const byte = byteAt(dump, event);
    const found = byte === null ? null : fieldAt(dump.closest(".frame"), dump.dataset.part, byte);
    if (found) reveal(found);
    if (found) showBytes(found);
  }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches(".tree summary, .tree span")) showBytes(event.target);
});

// Arrows go from line to line, also to those that the tabulator passes over; left and right close and open.
document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.(".tree summary, .tree span");
  if (!field || event.altKey || event.ctrlKey || event.metaKey) return;
  const box = field.tagName === "SUMMARY" ? field.parentElement : null;
  if (event.key === "ArrowRight" && box) box.open = true;
  else if (event.key === "ArrowLeft" && box?.open) box.open = false;
  else if (event.key === "ArrowLeft") field.parentElement.parentElement.closest("details")?.querySelector("summary").focus();
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const all = [...field.closest(".tree").querySelectorAll("summary, span")].filter((one) => one.checkVisibility());
    const next = all[all.indexOf(field) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    if (next.tagName !== "SUMMARY") next.tabIndex = -1;
    next.focus();
  } else return;
  event.preventDefault();
});

// In a window over the page, other frames open in that window, too.
document.addEventListener("click", (event) => {
  event.target.closest?.("dialog .frame .beside a, dialog .frame .tree a")?.classList.add("peek");
}, { capture: true });
