// What can be measured of a page: run inside of it, gives a list of sentences, one for each fault.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  // Any CSS colour as red, green, blue (0 to 255) and alpha (0 to 1).
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => {
    const share = top[3];
    return [0, 1, 2].map((i) => top[i] * share + below[i] * (1 - share)).concat(1);
  };
  const chain = (element) => (element ? [...chain(element.parentElement), element] : []);

  const behind = (element) => {
    const root = matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
    return chain(element).reduce((below, one) => over(rgba(getComputedStyle(one).backgroundColor), below), root);
  };

  // WCAG 2.2, "relative luminance" and "contrast ratio".
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const name = (element) => {
    const text = (element.textContent || element.value || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `<${element.tagName.toLowerCase()}${element.id ? ` id=${element.id}` : ""} class="${element.getAttribute("class") || ""}"> ${text}`;
  };

  // Success criterion 1.4.3: 4.5 to 1, and 3 to 1 for large text.
  const faintText = () => {
    const faults = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || !isShown(element) || ["SCRIPT", "STYLE", "OPTION", "TITLE", "DESC"].includes(element.tagName.toUpperCase())) continue;
      if (element.closest(":disabled, [aria-disabled=true]")) continue;
      const style = getComputedStyle(element);
      const back = behind(element);
      const opacity = chain(element).reduce((product, one) => product * getComputedStyle(one).opacity, 1);
      const ink = rgba(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
      const ratio = contrast(over([ink[0], ink[1], ink[2], ink[3] * opacity], back), back);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (isLarge ? 3 : 4.5)) faults.add(`faint (${ratio.toFixed(2)} to 1): ${name(element)}`);
    }
    return [...faults];
  };

  const wide = () => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room && document.body.scrollWidth <= room) return [];
    const inScroller = (one) => chain(one.parentElement).some((above) => ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(above).overflowX) && above !== document.body && above !== document.documentElement);
    const wider = [...document.body.querySelectorAll("*")].filter((one) => isShown(one) && one.getBoundingClientRect().right > room + 1 && !inScroller(one));
    return [`the page is ${document.documentElement.scrollWidth} wide in a window of ${room}`, ...wider.slice(-3).map((one) => `too wide: ${name(one)}`)];
  };

  const order = () => {
    const faults = [];
    const heads = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(isShown);
    if (heads.filter((one) => one.tagName === "H1").length !== 1) faults.push(`${heads.filter((one) => one.tagName === "H1").length} first headings`);
    heads.reduce((above, one) => {
      const level = Number(one.tagName[1]);
      if (level > above + 1) faults.push(`a heading of level ${level} below one of ${above}: ${name(one)}`);
      return level;
    }, 0);
    if (!document.documentElement.lang) faults.push("no language");
    if (!document.title) faults.push("no title");
    if (document.querySelectorAll("main").length !== 1) faults.push("not one main part");
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    for (const id of new Set(ids.filter((one, place) => ids.indexOf(one) !== place))) faults.push(`twice: id ${id}`);
    for (const picture of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${name(picture)}`);
    for (const cell of document.querySelectorAll("table")) {
      if (isShown(cell) && !cell.querySelector("th")) faults.push(`a table without headings: ${name(cell)}`);
    }
    for (const named of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]")) {
      for (const which of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
        for (const id of (named.getAttribute(which) || "").split(/\s+/).filter(Boolean)) {
          if (!document.getElementById(id)) faults.push(`${which} names ${id}, which is not there: ${name(named)}`);
        }
      }
    }
    // What scrolls must be reached by keyboard (Success criterion 2.1.1).
    for (const box of document.body.querySelectorAll("*")) {
      const style = getComputedStyle(box);
      if (isShown(box) && ["auto", "scroll"].includes(style.overflowX) && box.scrollWidth > box.clientWidth + 1
        && box.tabIndex < 0 && !box.querySelector("a[href], button, input, select, textarea, [tabindex='0']")) {
        faults.push(`scrolls, but no key reaches it: ${name(box)}`);
      }
    }
    return faults;
  };

  // Success criterion 2.5.8: 24 by 24 pixels, links inside a sentence left out.
  const small = () => [...document.querySelectorAll("button, input:not([type=hidden]), select, summary, a.button, nav a")]
    .filter(isShown)
    .filter((one) => { const box = one.getBoundingClientRect(); return box.width > 0 && (box.width < 24 || box.height < 24) && !["checkbox", "radio"].includes(one.type); })
    .map((one) => `small: ${name(one)} ${Math.round(one.getBoundingClientRect().width)} x ${Math.round(one.getBoundingClientRect().height)}`);

  window.looks = { faintText, wide, order, small };
})();
