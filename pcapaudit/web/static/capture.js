// What every page of a capture has: delete it, keep a note, look at a frame or a rule without leaving the page.
import { byId, explain } from "./common.js";
import "./frame.js";

const address = `/api/captures/${byId("capture").dataset.id}`;

byId("remove").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!confirm("Delete this capture and its report?")) return;
  const answer = await fetch(address, { method: "DELETE" });
  if (answer.ok) location.href = "/";
});

byId("note").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ note: byId("note-text").value });
  const answer = await fetch(address, { method: "PATCH", body });
  event.target.querySelector("[role=status]").textContent = answer.ok ? "Kept" : await explain(answer);
});

// A link to a frame or a rule opens over the page; the page behind stays where it is.
const glance = document.createElement("dialog");
const close = document.createElement("button");
const whole = document.createElement("a");
const shown = document.createElement("div");
glance.id = "glance";
close.type = "button";
close.textContent = "Close";
whole.textContent = "Open as a page";
close.addEventListener("click", () => glance.close());
glance.addEventListener("click", (event) => { if (event.target === glance) glance.close(); });
glance.append(close, whole, shown);
document.body.append(glance);

let looks = 0;

async function look(href) {
  looks += 1;
  const mine = looks;
  glance.setAttribute("aria-busy", "true");
  shown.replaceChildren("Reading …");
  whole.href = href;
  if (!glance.open) glance.showModal();
  try {
    const answer = await fetch(href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== looks) return;
    const part = page.querySelector("#pane") ?? page.querySelector("main");
    part.removeAttribute("id");
    shown.replaceChildren(part);
    const heading = part.querySelector("h1, h2");
    glance.setAttribute("aria-label", heading ? heading.textContent : "Details");
  } catch {
    shown.replaceChildren("The server does not answer.");
  }
  glance.removeAttribute("aria-busy");
  glance.scrollTop = 0;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.peek");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  look(link.getAttribute("href"));
});
