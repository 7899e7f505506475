// How far an analysis is: told by the server's events, shown in words. Names from captures are only ever set as text.
const UNITS = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

export function sayBytes(count) {
  for (const [size, unit] of UNITS) {
    if (count >= size) return `${(count / size).toFixed(count >= 10 * size ? 0 : 1)} ${unit}`;
  }
  return `${Math.round(count)} bytes`;
}

export function sayBytesOf(done, total) {
  return total === null ? sayBytes(done) : `${sayBytes(done)} of ${sayBytes(total)}`;
}

export function saySpan(seconds) {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function sayStatus(status) {
  if (status.state === "queued") return status.before ? `Waiting: ${status.before} before it` : "Waiting for its turn";
  if (status.phase === null) return "Beginning";
  if (status.phase === "judging") return `Judging: ${status.done} of ${status.total} hosts looked at`;
  const rate = status.rate ? `, ${sayBytes(status.rate)}/s` : "";
  const left = status.rate && status.left_s ? `, ${saySpan(status.left_s)} left` : "";
  return `Reading: ${sayBytesOf(status.done, status.total)}${rate}${left}`;
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function deviceLine(device) {
  const line = document.createElement("li");
  const names = [device.mac, ...device.addresses].filter(Boolean).join(", ");
  line.append(element("span", device.verdict, `badge ${device.verdict}`), " ", element("strong", device.title), " ");
  line.append(element("small", names, "faint"), element("span", device.summary ?? "", "one-line"));
  return line;
}

// Devices whose verdict stands, the worst first; `count` is how many there are in all.
export function showFound(list, devices, count) {
  const lines = devices.map(deviceLine);
  if (count > devices.length) lines.push(element("li", `and ${count - devices.length} more`, "faint"));
  list.replaceChildren(...lines);
}

export const isOver = (state) => ["done", "failed", "cancelled"].includes(state);

// Watches captures, all by one connection, because a browser has only a few for each server.
export class Watch {
  #tellers = new Map();
  #source = null;
  #isDue = false;

  // `teller` has status(status), gone(), and lost(isForGood): the connection broke, and will or will not come again.
  add(id, teller) {
    this.#tellers.set(id, teller);
    this.#reconnect();
  }

  #reconnect() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#source?.close();
      this.#source = null;
      if (this.#tellers.size) this.#connect();
    });
  }

  #connect() {
    const query = new URLSearchParams([...this.#tellers.keys()].slice(0, 50).map((id) => ["id", id]));
    const source = new EventSource(`/api/events?${query}`);
    this.#source = source;
    source.addEventListener("status", (event) => {
      const status = JSON.parse(event.data);
      this.#tellers.get(status.id)?.status(status);
      if (isOver(status.state)) this.#forget(status.id);
    });
    source.addEventListener("gone", (event) => {
      const { id } = JSON.parse(event.data);
      this.#tellers.get(id)?.gone();
      this.#forget(id);
    });
    source.addEventListener("error", () => {
      for (const teller of this.#tellers.values()) teller.lost(source.readyState === EventSource.CLOSED);
    });
  }

  #forget(id) {
    const before = this.#tellers.size;
    this.#tellers.delete(id);
    // Without this, the browser would come again and again after the last event.
    if (!this.#tellers.size || before > 50) this.#reconnect();
  }
}
