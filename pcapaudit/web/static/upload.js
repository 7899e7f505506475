// Uploads: two at a time, each with its progress, then with that of its analysis and what was found.
import { byId } from "./common.js";
import { Watch, isOver, sayBytes, sayBytesOf, saySpan, sayStatus, showFound } from "./progress.js";

const AT_ONCE = 2;
const RATE_MS = 5000;
const WORST_FIRST = ["failed", "degraded", "undecided", "healthy"];
const REMEMBERED = "pcapaudit-uploads";
const LOGGED_OUT = "You are logged out: log in, then upload it again";
const form = byId("upload");
const watch = new Watch();
const waiting = [];
let held = [];
let sending = 0;
let taken = 0;
let followed = 0;

// --- the fields ---------------------------------------------------------------------------------------

function wishes() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value !== "string" || !value.trim()) continue;
    const [kind, parameter] = name.split("=", 2);
    query.append(kind, parameter ? `${parameter}=${value.trim()}` : value.trim());
  }
  return query;
}

function showWrong(name, text) {
  const input = form.elements[name];
  const place = byId(`error-${name}`);
  if (!input || !place) return;
  place.textContent = text;
  input.setAttribute("aria-invalid", text ? "true" : "false");
}

function clearWrong() {
  for (const place of form.querySelectorAll(".wrong")) showWrong(place.id.slice("error-".length), "");
}

// Whether the server would take these wishes; what is wrong stands beside its field.
async function checkWishes() {
  const faults = Object.entries(await ask(wishes())).filter(([field]) => field !== "server");
  clearWrong();
  if (!faults.length) return true;
  byId("known").open = true;
  for (const [field, text] of faults) showWrong(field, text);
  return false;
}

// What stands against an upload: field -> sentence.

async function ask(query) {
  try {
    const answer = await fetch(`/api/check?${query}`);
    const told = await answer.json();
    return told.faults ?? { server: answer.status === 401 ? LOGGED_OUT : told.error };
  } catch {
    return { server: "the server does not answer" };
  }
}

function showParameters() {
  for (const label of form.querySelectorAll("[data-product]")) {
    const isAsked = label.dataset.product === byId("signature").value;
    label.hidden = !isAsked;
    label.querySelector("input").disabled = !isAsked;
  }
}

// --- one line of the list -----------------------------------------------------------------------------

function say(text) {
  byId("uploads-said").textContent = text;
}

function make(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

class Line {
  constructor(name) {
    this.name = name;
    this.isKnown = false;
    this.item = document.createElement("li");
    this.said = make("span", "said");
    this.bar = make("progress", "");
    this.actions = make("span", "actions");
    this.found = make("ul", "found");
    this.bar.max = 1;
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
    this.item.append(make("span", "name", name), this.actions, this.said, this.bar, this.found);
    byId("uploads").append(this.item);
  }

  show(text, share = null) {
    this.said.textContent = text;
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
  }

  offer(title, action) {
    const button = make("button", "", title);
    button.type = "button";
    button.setAttribute("aria-label", `${title}: ${this.name}`);
    button.addEventListener("click", () => action(button));
    this.actions.replaceChildren(button);
  }

  link(id, title) {
    const link = make("a", "button", title);
    link.href = `/captures/${id}`;
    link.setAttribute("aria-label", `${title}: ${this.name}`);
    this.actions.replaceChildren(link);
  }

  // In a window of its own, because this page holds the file that is to be uploaded.
  offerLogin() {
    const link = make("a", "button", "Log in");
    link.href = "/login";
    link.target = "_blank";
    link.setAttribute("aria-label", "Log in, in a new window");
    this.actions.prepend(link, " ");
  }

  end(text, isBad = false) {
    this.said.textContent = text;
    this.said.classList.toggle("bad", isBad);
    this.bar.hidden = true;
    this.actions.replaceChildren();
    say(`${this.name}: ${text}`);
  }

  begin() {
    this.said.classList.remove("bad");
    this.bar.hidden = false;
  }
}

// --- the analysis of what was uploaded ----------------------------------------------------------------

function remember(change) {
  const known = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "[]");
  sessionStorage.setItem(REMEMBERED, JSON.stringify(change(known).slice(-50)));
}

const forget = (id) => remember((known) => known.filter((one) => one.id !== id));

function follow(line, id) {
  followed += 1;
  line.begin();
  line.offer("Cancel", async (button) => {
    button.disabled = true;
    await fetch(`/api/captures/${id}/cancel`, { method: "POST" });
  });
  watch.add(id, {
    status(status) {
      showFound(line.found, status.found, status.judged);
      if (isOver(status.state)) conclude(line, id, status);
      else line.show(sayStatus(status), status.state === "running" && status.phase === null ? null : status.progress);
    },
    gone() {
      forget(id);
      line.end("was deleted");
      noteEnd();
    },
    lost(isForGood) {
      line.show(isForGood ? "The server does not let this page in any more: reload it" : "The connection broke off, trying again");
    },
  });
}

function noteEnd() {
  followed -= 1;
  byId("uploads-over").hidden = followed + sending + waiting.length > 0;
}

async function conclude(line, id, status) {
  forget(id);
  noteEnd();
  if (status.state === "done") {
    const answer = await fetch(`/api/captures/${id}`);
    const { devices } = answer.ok ? await answer.json() : { devices: [] };
    const worst = [...devices].sort((a, b) => WORST_FIRST.indexOf(a.verdict) - WORST_FIRST.indexOf(b.verdict));
    showFound(line.found, worst.slice(0, 10), worst.length);
    const before = line.isKnown ? "known already, " : "";
    line.end(before + (devices.length ? "done" : "done: no device was recognised in it"));
    line.link(id, "Open the answer");
  } else {
    line.end(status.state === "cancelled" ? "the analysis was cancelled" : status.reason, status.state === "failed");
    line.link(id, "Open");
  }
}

// --- the upload ---------------------------------------------------------------------------------------

class Upload {
  constructor(file, query) {
    this.file = file;
    this.query = new URLSearchParams(query);
    this.query.set("name", file.name);
    this.line = new Line(file.name);
    this.queue();
  }

  queue() {
    this.isCancelled = false;
    this.line.begin();
    this.line.show("Waiting for its turn", 0);
    this.line.offer("Cancel", () => this.cancel());
    waiting.push(this);
    startNext();
  }

  cancel() {
    this.isCancelled = true;
    this.request?.abort();
    const at = waiting.indexOf(this);
    if (at >= 0) waiting.splice(at, 1);
    this.fail("cancelled", false);
  }

  fail(text, isBad = true) {
    this.line.end(text, isBad);
    this.line.offer("Upload again", () => this.queue());
    if (text === LOGGED_OUT) this.line.offerLogin();
  }

  // Ends when the file is uploaded, or is not; gives the id of the capture, or null.
  async run() {
    if (!this.file.size) {
      this.line.end("the file is empty", true);
      return null;
    }
    this.line.show("Asking the server whether there is room");
    const [fault] = Object.values(await ask(new URLSearchParams([...this.query, ["size", this.file.size]])));
    if (this.isCancelled) return null;
    if (fault) {
      this.fail(fault);
      return null;
    }
    return this.send();
  }

  send() {
    const request = new XMLHttpRequest();
    this.request = request;
    const seen = [[performance.now(), 0]];
    request.open("PUT", `/api/captures?${this.query}`);
    request.upload.addEventListener("progress", (event) => this.showRate(seen, event.loaded, event.total));
    return new Promise((resolve) => {
      request.addEventListener("loadend", () => {
        this.request = null;
        resolve(this.isCancelled ? null : this.take(request));
      });
      request.send(this.file);
    });
  }

  showRate(seen, loaded, total) {
    const now = performance.now();
    seen.push([now, loaded]);
    while (seen.length > 2 && now - seen[0][0] > RATE_MS) seen.shift();
    const rate = ((loaded - seen[0][1]) / Math.max(now - seen[0][0], 1)) * 1000;
    const left = rate > 0 && loaded < total ? `, ${saySpan((total - loaded) / rate)} left` : "";
    const pace = rate > 0 ? `, ${sayBytes(rate)}/s` : "";
    this.line.show(loaded < total ? `Uploading: ${sayBytesOf(loaded, total)}${pace}${left}` : "Uploaded, being written to disk", loaded / total);
  }

  take(request) {
    let answer = { error: request.status ? `the server answered ${request.status}` : "the connection broke off" };
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // No answer of the server's own: what is said above holds.
    }
    if (!answer.id) {
      this.fail(request.status === 401 ? LOGGED_OUT : answer.error);
      return null;
    }
    this.line.isKnown = answer.known;
    return answer.id;
  }
}

async function startNext() {
  if (sending >= AT_ONCE || !waiting.length) return;
  sending += 1;
  const upload = waiting.shift();
  const id = await upload.run();
  sending -= 1;
  if (id && taken === 1 && !waiting.length) {
    location.href = `/captures/${id}`;
    return;
  }
  if (id) {
    say(`${upload.file.name}: uploaded`);
    remember((known) => [...known, { id, name: upload.file.name }]);
    follow(upload.line, id);
  }
  startNext();
}

// --- files come ---------------------------------------------------------------------------------------

async function takeFiles(files) {
  if (!files.length) return;
  if (!(await checkWishes())) {
    held = [...held, ...files];
    byId("send-held").textContent = held.length === 1 ? `Upload ${held[0].name}` : `Upload ${held.length} files`;
    byId("held").hidden = false;
    form.querySelector("[aria-invalid=true]")?.focus();
    return;
  }
  const all = [...held, ...files];
  held = [];
  byId("held").hidden = true;
  const query = wishes();
  taken += all.length;
  for (const file of all) new Upload(file, query);
}

// A folder looks like a file without bytes; only the dropped item knows better, and only now.
function takeDropped(transfer) {
  const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory;
  const items = [...transfer.items].filter((item) => item.kind === "file");
  if (items.some(isFolder)) {
    taken += 1;
    new Line("A folder").end("its files have to be dropped themselves", true);
  }
  takeFiles(items.filter((item) => !isFolder(item)).map((item) => item.getAsFile()).filter(Boolean));
}

function prepareDrop() {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const light = (change) => {
    depth = change === 0 ? 0 : Math.max(0, depth + change);
    byId("drop").classList.toggle("over", depth > 0);
  };
  // The whole page takes files: one that misses the field would else be opened by the browser.
  for (const [name, change] of [["dragenter", 1], ["dragover", null], ["dragleave", -1], ["drop", 0]]) {
    window.addEventListener(name, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (change !== null) light(change);
      if (name === "drop") takeDropped(event.dataTransfer);
    });
  }
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", (event) => {
  if (event.target.name !== "files") checkWishes();
});
byId("signature").addEventListener("change", showParameters);
byId("files").addEventListener("change", (event) => {
  const chosen = [...event.target.files];
  event.target.value = "";
  takeFiles(chosen);
});
byId("send-held").addEventListener("click", () => {
  const files = held;
  held = [];
  takeFiles(files);
});
window.addEventListener("beforeunload", (event) => {
  if (sending || waiting.length) event.preventDefault();
});
prepareDrop();
showParameters();
// What was uploaded from this page before it was loaded anew goes on where it is.
for (const { id, name } of JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "[]")) {
  taken += 1;
  follow(new Line(name), id);
}
