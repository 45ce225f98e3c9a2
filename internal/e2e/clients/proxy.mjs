// A network between a page and the server that tests can break, in the ways in which networks do.

import { connect, createServer } from "node:net";
import { host as serverHost, port as serverPort } from "./lib.mjs";
import { Log } from "./waiting.mjs";

export class Proxy {
  dials = new Log(); // one entry for each connection that a page has opened
  bytes = { up: 0, down: 0 }; // that pages and the server have sent
  #pairs = new Set();
  #held = []; // connections that nobody has taken yet
  #holding = false;
  #slow = false;
  #server = createServer((page) => {
    page.on("error", () => {}); // what ends a connection is told by its close
    this.dials.add(1);
    if (this.#holding) this.#held.push(page);
    else this.#join(page);
  });

  static async listen(t) {
    const proxy = new Proxy();
    await new Promise((done) => proxy.#server.listen(0, "127.0.0.1", done));
    proxy.port = proxy.#server.address().port;
    t.after(() => proxy.close());
    return proxy;
  }

  close() {
    for (const page of this.#held) page.destroy();
    for (const { page, server } of this.#pairs) {
      page.destroy();
      server.destroy();
    }
    this.#server.close();
  }

  #join(page) {
    const server = connect(serverPort, serverHost);
    const pair = { page, server, void: false, left: Infinity };
    this.#pairs.add(pair);
    server.on("error", () => {});
    page.on("data", (bytes) => {
      this.bytes.up += bytes.length;
      if (!pair.void) server.write(bytes);
    });
    server.on("data", (bytes) => {
      this.bytes.down += bytes.length;
      if (pair.void) return;
      page.write(bytes.subarray(0, pair.left));
      pair.left -= bytes.length;
      if (pair.left <= 0) reset(pair);
    });
    if (this.#slow) server.pause();
    // In a void nobody hears of the end of the other side.
    page.on("close", () => pair.void || server.destroy());
    server.on("close", () => {
      this.#pairs.delete(pair);
      if (!pair.void) page.destroy();
    });
  }

  // cut resets every connection.
  cut() {
    for (const pair of this.#pairs) reset(pair);
  }

  // cutAfter does so when that many more bytes have come from the server, wherever in a frame that is.
  cutAfter(bytes) {
    for (const pair of this.#pairs) pair.left = bytes;
  }

  // swallow makes black holes of the connections: what is sent by either side is accepted, and gone.
  swallow() {
    for (const pair of this.#pairs) {
      pair.void = true;
      pair.server.resume();
    }
  }

  // slow stops taking what the server sends, until fast. Nothing is lost.
  slow() {
    this.#slow = true;
    for (const { server } of this.#pairs) server.pause();
  }

  fast() {
    this.#slow = false;
    for (const { server } of this.#pairs) server.resume();
  }

  // hold lets new connections wait, as in the queue of a server that is just being started, until release.
  hold() {
    this.#holding = true;
  }

  release() {
    this.#holding = false;
    for (const page of this.#held.splice(0)) page.destroyed || this.#join(page);
  }
}

function reset({ page, server }) {
  page.resetAndDestroy();
  server.resetAndDestroy();
}
