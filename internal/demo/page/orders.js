// The table of orders: one row per order, newest first, changed cells flash.

const ROWS = 12;
const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

export class Orders {
  #body;
  #rows = new Map(); // id -> {row, cells}

  constructor(table) {
    this.#body = table.tBodies[0];
  }

  join(client) {
    client.subscribe("demo-orders", { "order.updated": (order) => this.#update(order) });
  }

  #update(order) {
    let entry = this.#rows.get(order.id);
    const fresh = !entry;
    if (fresh) entry = this.#insert(order.id);
    const { id, customer, item, status, total } = entry.cells;
    set(id, `#${order.id}`, fresh);
    set(customer, order.customer, fresh);
    set(item, order.item, fresh);
    set(status, order.status, fresh);
    status.firstChild.dataset.status = order.status;
    set(total, money.format(order.total_cents / 100), fresh);
  }

  #insert(id) {
    this.#body.querySelector(".empty")?.remove();
    const row = document.createElement("tr");
    row.dataset.order = id;
    const cells = {};
    for (const name of ["id", "customer", "item", "status", "total"]) {
      cells[name] = row.appendChild(document.createElement("td"));
      cells[name].className = name;
      cells[name].appendChild(document.createElement("span"));
    }
    const entry = { row, cells };
    this.#rows.set(id, entry);
    const below = [...this.#rows.keys()].filter((other) => other < id);
    this.#body.insertBefore(row, below.length ? this.#rows.get(Math.max(...below)).row : null);
    if (this.#rows.size > ROWS) {
      const oldest = Math.min(...this.#rows.keys());
      this.#rows.get(oldest).row.remove();
      this.#rows.delete(oldest);
    }
    return entry;
  }
}

// set writes a cell if it changed. Two equal animations take turns, because
// naming the same one again does not start it again.
function set(cell, text, fresh) {
  const span = cell.firstChild;
  if (span.textContent === text) return;
  span.textContent = text;
  if (!fresh) cell.dataset.flash = cell.dataset.flash === "a" ? "b" : "a";
  else cell.parentNode.dataset.fresh = "";
}
