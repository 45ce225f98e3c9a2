// The table of orders: one row per order, newest first, changed cells flash.

const ROWS = 12;
const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

export class Orders {
  #body;
  #rows = new Map(); // id -> {row, cells}, the one that changed longest ago first

  constructor(table) {
    this.#body = table.tBodies[0];
  }

  join(client) {
    client.subscribe("demo-orders", { "order.updated": (order) => this.#update(order) });
  }

  #update(order) {
    this.#remove(order.replaces);
    const known = this.#rows.get(order.id);
    const fresh = !known;
    const entry = known ?? this.#insert(order.id);
    this.#rows.delete(order.id);
    this.#rows.set(order.id, entry);
    // After a restart of the server nobody says that the old rows are gone.
    if (this.#rows.size > ROWS) this.#remove(this.#rows.keys().next().value);
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
    const below = [...this.#rows.keys()].filter((other) => other < id);
    this.#body.insertBefore(row, below.length ? this.#rows.get(Math.max(...below)).row : null);
    return { row, cells };
  }

  #remove(id) {
    this.#rows.get(id)?.row.remove();
    this.#rows.delete(id);
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
