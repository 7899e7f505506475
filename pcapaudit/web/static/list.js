// The list's buttons: usable when enough is chosen, and one question instead of a page before deleting.
import { byId } from "./common.js";

const form = byId("chosen");

function countChosen() {
  return form.querySelectorAll("input[name=capture]:checked").length;
}

function update() {
  byId("compare-chosen").disabled = countChosen() !== 2;
  byId("delete-chosen").disabled = countChosen() === 0;
}

function ask(event) {
  if (event.submitter !== byId("delete-chosen")) return;
  const count = countChosen();
  if (!confirm(count === 1 ? "Delete this capture and its report?" : `Delete ${count} captures and their reports?`)) {
    event.preventDefault();
    return;
  }
  const sure = document.createElement("input");
  sure.type = "hidden";
  sure.name = "sure";
  sure.value = "1";
  form.append(sure);
}

// One box for all of this page.
function addAll() {
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Choose all of this page");
  all.addEventListener("change", () => {
    for (const box of form.querySelectorAll("input[name=capture]")) box.checked = all.checked;
  });
  form.querySelector("thead th").append(all);
}

if (form) {
  addAll();
  form.addEventListener("change", update);
  form.addEventListener("submit", ask);
  // A browser that goes back ticks the boxes again.
  addEventListener("pageshow", update);
  update();
}
