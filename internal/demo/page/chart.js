// The chart: one of three figures over the last two minutes, drawn as SVG.

const SECONDS = 120;
const SVG = "http://www.w3.org/2000/svg";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR", maximumFractionDigits: 0 });
const formats = {
  revenue_cents: (v) => euros.format(v / 100),
  orders: (v) => whole.format(v),
  visitors: (v) => whole.format(v),
};

export class Chart {
  #svg;
  #box = { left: 52, right: 0, top: 20, bottom: 192 }; // right follows the width of the card
  #scale = scale([]);
  #shown = "revenue_cents";
  #series = { revenue_cents: [], orders: [], visitors: [] }; // one value a second, the newest last
  #tiles = [...document.querySelectorAll("[data-metric]")];
  #pointer = null; // x of the pointer in the chart

  constructor(svg) {
    this.#svg = svg;
    for (const tile of this.#tiles) tile.onclick = () => this.#choose(tile);
    svg.onpointermove = (e) => {
      this.#pointer = e.clientX - svg.getBoundingClientRect().left;
      this.#mark();
    };
    svg.onpointerleave = () => {
      this.#pointer = null;
      this.#mark();
    };
    new ResizeObserver(([entry]) => {
      this.#box.right = entry.contentRect.width - 12;
      this.#draw();
    }).observe(svg);
  }

  join(client) {
    client.subscribe("demo-metrics", {
      "metrics.updated": (sample) => this.#add(sample),
      "metrics.history": (history) => this.#fill(history),
    });
  }

  #choose(tile) {
    this.#shown = tile.dataset.metric;
    for (const t of this.#tiles) t.setAttribute("aria-pressed", t === tile);
    document.getElementById("chart-title").textContent = tile.firstElementChild.textContent;
    this.#draw();
  }

  #add(sample) {
    for (const [name, values] of Object.entries(this.#series)) {
      values.push(sample[name]);
      if (values.length > SECONDS) values.shift();
    }
    this.#draw();
  }

  // A history makes a page complete that has just been opened or was away.
  #fill(history) {
    for (const name of Object.keys(this.#series)) this.#series[name] = history[name].slice(-SECONDS);
    this.#draw();
  }

  #draw() {
    for (const tile of this.#tiles) {
      const newest = this.#series[tile.dataset.metric].at(-1);
      if (newest !== undefined) tile.lastElementChild.textContent = formats[tile.dataset.metric](newest);
    }
    this.#scale = scale(this.#series[this.#shown]);
    this.#grid();
    const points = this.#series[this.#shown].map((v, i) => `${this.#x(i).toFixed(1)} ${this.#y(v).toFixed(1)}`);
    const line = points.length > 1 ? `M${points.join("L")}` : "";
    this.#part("line").setAttribute("d", line);
    this.#part("area").setAttribute("d", line && `${line}L${this.#box.right} ${this.#box.bottom}L${this.#x(0)} ${this.#box.bottom}Z`);
    this.#mark();
  }

  #grid() {
    const { low, step } = this.#scale;
    const parts = [0, 1, 2, 3, 4].flatMap((i) => {
      const y = this.#y(low + i * step);
      return [
        element("line", { x1: this.#box.left, x2: this.#box.right, y1: y, y2: y }),
        element("text", { x: this.#box.left - 8, y: y + 4, "text-anchor": "end" }, formats[this.#shown](low + i * step)),
      ];
    });
    for (const [at, text, anchor] of [[0, "2 min ago", "start"], [SECONDS / 2, "1 min ago", "middle"], [SECONDS, "now", "end"]]) {
      const x = this.#box.left + (at / SECONDS) * (this.#box.right - this.#box.left);
      parts.push(element("text", { x, y: 212, "text-anchor": anchor }, text));
    }
    this.#part("grid").replaceChildren(...parts);
  }

  // The dot sits on the newest value, or on the one under the pointer.
  #mark() {
    const values = this.#series[this.#shown];
    let i = values.length - 1;
    if (this.#pointer !== null) {
      const back = Math.round(((this.#box.right - this.#pointer) / (this.#box.right - this.#box.left)) * (SECONDS - 1));
      i = Math.min(Math.max(i - back, 0), i);
    }
    const read = this.#pointer !== null && i >= 0;
    this.#part("dot").setAttribute("visibility", i >= 0 ? "visible" : "hidden");
    for (const name of ["cross", "value"]) this.#part(name).setAttribute("visibility", read ? "visible" : "hidden");
    if (i < 0) return;
    const x = this.#x(i);
    this.#part("dot").setAttribute("cx", x);
    this.#part("dot").setAttribute("cy", this.#y(values[i]));
    this.#part("cross").setAttribute("x1", x);
    this.#part("cross").setAttribute("x2", x);
    this.#part("value").setAttribute("x", Math.min(Math.max(x, this.#box.left + 40), this.#box.right - 40));
    this.#part("value").textContent = formats[this.#shown](values[i]);
  }

  #part(name) {
    return this.#svg.querySelector(`#chart-${name}`);
  }

  #x(i) {
    const back = this.#series[this.#shown].length - 1 - i;
    return this.#box.right - (back / (SECONDS - 1)) * (this.#box.right - this.#box.left);
  }

  #y(v) {
    const { low, step } = this.#scale;
    return this.#box.bottom - ((v - low) / (4 * step)) * (this.#box.bottom - this.#box.top);
  }
}

// scale finds four round steps that hold all values.
function scale(values) {
  const min = values.length ? Math.min(...values) : 0;
  const max = values.length ? Math.max(...values) : 4;
  const size = 10 ** Math.floor(Math.log10(Math.max(max - min, 4) / 4));
  for (const factor of [1, 2, 2.5, 5, 10, 20]) {
    const step = Math.max(1, size * factor);
    const low = Math.max(0, Math.floor(min / step) * step);
    if (low + 4 * step >= max) return { low, step };
  }
}

function element(name, attributes, text = "") {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.textContent = text;
  return e;
}
