// The progress of one analysis, as it happens. Whoever comes again is told the whole state first.
import { byId, explain } from "./common.js";
import { Watch, isOver, sayStatus, showFound } from "./progress.js";

const capture = byId("capture").dataset;
const address = `/api/captures/${capture.id}`;

const PHASES = { reading: "Reading the capture", judging: "Judging the devices" };
const title = document.title;
let phase = null;

const teller = {
  status(status) {
    if (isOver(status.state)) {
      location.reload();
      return;
    }
    if (status.phase && status.phase !== phase) byId("milestone").textContent = PHASES[status.phase];
    phase = status.phase;
    document.title = status.state === "running" ? `${Math.round(status.progress * 100)} % – ${title}` : title;
    byId("progress").value = status.progress;
    byId("said").textContent = sayStatus(status);
    showFound(byId("found"), status.found, status.judged);
    byId("found-so-far").hidden = !status.judged;
  },
  gone() {
    location.href = "/";
  },
  lost(isForGood) {
    byId("said").textContent = isForGood ? "The server does not let this page in any more: reload it" : "The connection broke off, trying again";
  },
};

async function ask(button, action) {
  button.disabled = true;
  const answer = await fetch(`${address}/${action}`, { method: "POST" });
  if (answer.ok) {
    location.reload();
    return;
  }
  button.disabled = false;
  byId("asked").textContent = await explain(answer);
}

if (isOver(capture.state)) {
  byId("again").addEventListener("click", (event) => ask(event.target, "again"));
} else {
  new Watch().add(capture.id, teller);
  byId("cancel").addEventListener("click", (event) => ask(event.target, "cancel"));
}
