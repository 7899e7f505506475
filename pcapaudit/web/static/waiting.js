// The progress of an analysis, as it happens.
import { byId } from "./common.js";

function watch(id) {
  const source = new EventSource(`/api/captures/${id}/events`);
  source.addEventListener("status", (event) => {
    const status = JSON.parse(event.data);
    if (status.state === "running") {
      byId("progress").value = status.progress;
      byId("said").textContent = status.progress < 1 ? `Reading: ${Math.round(status.progress * 100)} %` : "Judging";
    } else if (status.state !== "queued") {
      source.close();
      location.reload();
    }
  });
}

const capture = byId("capture").dataset;
if (["queued", "running"].includes(capture.state)) {
  watch(capture.id);
  byId("cancel").addEventListener("click", async () => {
    await fetch(`/api/captures/${capture.id}/cancel`, { method: "POST" });
    location.reload();
  });
}
