// The live page, kept up to date in place: the server fills the parts, this puts what differs where it belongs, so that
// nothing jumps, and what has the focus keeps it.
import { byId } from "./common.js";

const QUIET_MS = 5000;
const MOST_EVENTS = 100;
const BEHIND = " – pcapaudit";
let newsAt = performance.now();
let asOf = byId("said").textContent;
let isForGood = false;

// --- putting parts in place ---------------------------------------------------------------------------

// The server escaped every name in it.
function parse(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

function refresh(old, now) {
  if (old.className !== now.className) old.className = now.className;
  if (old.innerHTML === now.innerHTML) return;
  if (old.matches("tr, dl, dl > div") && old.children.length === now.children.length) {
    [...now.children].forEach((part, place) => refresh(old.children[place], part));
  } else {
    old.replaceChildren(...now.childNodes);
  }
}

// The children of a box by their keys: those that are known stay, those that are new come, the others go.
function update(box, html) {
  const focused = box.contains(document.activeElement) ? document.activeElement : null;
  const known = new Map([...box.children].map((one) => [one.dataset.key, one]));
  const wanted = [...parse(html).children].map((now) => {
    const old = known.get(now.dataset.key);
    if (!old) return now;
    known.delete(now.dataset.key);
    refresh(old, now);
    return old;
  });
  for (const gone of known.values()) gone.remove();
  wanted.forEach((one, place) => {
    if (box.children[place] !== one) box.insertBefore(one, box.children[place] ?? null);
  });
  if (focused && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

// --- what the server tells ----------------------------------------------------------------------------

function showHead(html) {
  update(byId("head"), html);
  const { title } = parse(html).querySelector("[data-title]").dataset;
  document.title = title + BEHIND;
}

function showEvent(html) {
  const list = byId("events");
  const made = parse(html).firstElementChild;
  if (list.querySelector(`[data-key="${CSS.escape(made.dataset.key)}"]`)) return;
  list.prepend(made);
  while (list.children.length > MOST_EVENTS) list.lastElementChild.remove();
  byId("nothing").hidden = true;
}

function showPulse() {
  const quiet = performance.now() - newsAt;
  const isStale = isForGood || quiet >= QUIET_MS;
  const old = `No news for ${Math.floor(quiet / 1000)} s`;
  const text = isForGood ? "The server does not let this page in any more" : old;
  byId("said").textContent = isStale ? text : asOf;
  byId("live").classList.toggle("stale", isStale);
  byId("reload").hidden = !isStale;
}

const source = new EventSource(`/live/events?after=${byId("live").dataset.after}`);
source.addEventListener("head", (event) => showHead(event.data));
source.addEventListener("devices", (event) => update(byId("lines"), event.data));
source.addEventListener("happened", (event) => showEvent(event.data));
source.addEventListener("pulse", (event) => {
  newsAt = performance.now();
  asOf = event.data;
  showPulse();
});
source.addEventListener("error", () => {
  isForGood = source.readyState === EventSource.CLOSED;
  showPulse();
});
setInterval(showPulse, 1000);

// --- a report of a window -----------------------------------------------------------------------------

// To cut a window out of a large ring takes some seconds.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action")?.startsWith("/live/window")) event.submitter?.setAttribute("aria-busy", "true");
  if (event.target.id === "ask") byId("asked").textContent = "The frames are being cut out …";
});
// Whoever comes back finds the page as it was left.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  byId("asked").textContent = "";
});
if (location.hash === "#window") byId("window").open = true;
