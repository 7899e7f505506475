// Uploads with progress; each can be cancelled.
import { byId } from "./common.js";

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function wishes(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim()) query.append(name, value.trim());
  }
  return query;
}

function upload(file, query) {
  const line = document.createElement("li");
  const said = document.createElement("span");
  const bar = document.createElement("progress");
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.textContent = `Cancel ${file.name}`;
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  line.append(said, bar, cancel);
  byId("uploads").append(line);
  const request = new XMLHttpRequest();
  const begin = performance.now();
  query.set("name", file.name);
  request.open("PUT", `/api/captures?${query}`);
  request.upload.addEventListener("progress", (event) => {
    const seconds = (performance.now() - begin) / 1000;
    const rate = event.loaded / Math.max(seconds, 0.1);
    const left = Math.ceil((event.total - event.loaded) / Math.max(rate, 1));
    bar.value = event.loaded / event.total;
    said.textContent = `${file.name}: ${megabytes(event.loaded)} of ${megabytes(event.total)}, ${megabytes(rate)}/s, ${left} s left`;
  });
  const end = (text) => {
    said.textContent = `${file.name}: ${text}`;
    bar.remove();
    cancel.remove();
  };
  cancel.addEventListener("click", () => request.abort());
  request.addEventListener("abort", () => end("cancelled"));
  request.addEventListener("error", () => end("the connection broke off"));
  return new Promise((resolve) => {
    request.addEventListener("loadend", () => {
      if (!request.status) return resolve(null);
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { error: `the server answered ${request.status}` };
      }
      if (answer.error) {
        end(answer.error);
        return resolve(null);
      }
      end(answer.known ? "known already" : "uploaded");
      const link = document.createElement("a");
      link.href = `/captures/${answer.id}`;
      link.textContent = "open";
      said.append(" – ", link);
      return resolve(answer.id);
    });
    request.send(file);
  });
}

async function uploadAll(files) {
  const query = wishes(byId("upload"));
  const ids = [];
  for (const file of files) ids.push(await upload(file, new URLSearchParams(query)));
  if (ids.length === 1 && ids[0]) location.href = `/captures/${ids[0]}`;
}

function prepareUpload() {
  const drop = byId("drop");
  byId("upload").addEventListener("submit", (event) => event.preventDefault());
  byId("files").addEventListener("change", (event) => {
    const chosen = [...event.target.files];
    event.target.value = "";
    uploadAll(chosen);
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  }
  drop.addEventListener("drop", (event) => uploadAll([...event.dataTransfer.files]));
}

prepareUpload();
