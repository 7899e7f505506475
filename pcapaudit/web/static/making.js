// How far the tables of a capture are.
import { byId, explain } from "./common.js";

const address = `/api/captures/${byId("capture").dataset.id}/tables`;

async function look() {
  const answer = await fetch(address);
  if (answer.status === 202) {
    const { progress } = await answer.json();
    byId("progress").value = progress;
    byId("said").textContent = progress < 1 ? `Reading the capture: ${Math.floor(progress * 100)} %` : "Writing the tables";
    setTimeout(look, 500);
  } else if (answer.ok) {
    location.reload();
  } else {
    byId("said").textContent = await explain(answer);
  }
}

look();
