// The buttons that every page of a capture has: delete it, keep a note.
import { byId, explain } from "./common.js";

const address = `/api/captures/${byId("capture").dataset.id}`;
byId("delete").addEventListener("click", async () => {
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
