// A server that says what a test tells it to, for what the browser package does with it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocketServer } from "ws";
import { Log } from "./waiting.mjs";

// Peer takes connections on a port of its own. Each becomes a Link, in the order in which they came.
export class Peer {
  links = new Log();
  #server;

  static async listen(t) {
    const peer = new Peer();
    await peer.open();
    t.after(() => peer.close());
    return peer;
  }

  async open(port = this.port ?? 0) {
    this.#server = new WebSocketServer({ host: "127.0.0.1", port });
    this.#server.on("connection", (socket, request) => {
      const link = new Link(socket, `${this.links.entries.length + 1}.1`);
      link.url = request.url;
      this.links.add(link);
    });
    await once(this.#server, "listening");
    this.port = this.#server.address().port;
  }

  close() {
    for (const link of this.links.entries) link.drop();
    return new Promise((done) => this.#server.close(done));
  }

  // pusher is a page of this server.
  pusher(t, Pusher, options = {}) {
    const pusher = new Pusher("key", {
      wsHost: "127.0.0.1", wsPort: this.port, wssPort: this.port, forceTLS: false, enabledTransports: ["ws"], cluster: "",
      ...options,
    });
    t.after(() => pusher.disconnect());
    return pusher;
  }

  // link resolves with the connection that came as the nth.
  async link(n) {
    return (await this.links.count(n))[n - 1];
  }
}

// Link is one connection: said is what the page said on it, parsed.
class Link {
  said = new Log();

  constructor(socket, id) {
    this.socket = socket;
    this.id = id;
    socket.on("message", (data) => this.said.add(JSON.parse(data)));
    socket.on("error", () => {}); // the page hangs up as it likes
    this.send({ event: "pusher:connection_established", data: JSON.stringify({ socket_id: id, activity_timeout: 120 }) });
  }

  // send sends frames, each a value to be encoded or the text itself.
  send(...frames) {
    for (const frame of frames) this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  // asked resolves with the data of the nth subscription that the page asked for here.
  asked(n = 1) {
    return this.said.until((all) => all.filter((f) => f.event === "pusher:subscribe")[n - 1], `subscription ${n}`).then((f) => f.data);
  }

  drop() {
    this.socket.terminate();
  }

  toJSON() {
    return { id: this.id, said: this.said.entries };
  }
}

// The frames of wire.md.
export const succeeded = (channel, epoch, serial) => ({
  event: "pusher_internal:subscription_succeeded", channel, data: "{}", ...(epoch && { epoch, serial }),
});
export const message = (channel, n, serial = n) => ({ event: "e", channel, data: JSON.stringify({ n }), serial });
export const notice = (channel, data) => ({ event: "pusher:replay", channel, data: JSON.stringify(data) });
export const marker = (channel, serial) => ({ event: "pusher_internal:replay", channel, serial });

// heard logs what a channel's listeners get: n of each event "e", and notices.
export function heard(channel) {
  const got = new Log();
  channel.bind("e", (data) => got.add(data.n));
  channel.bind("pusher:replay", (data) => got.add(data));
  return got;
}

// resumes requires that a subscription asks for what comes after a position.
export function resumes({ replay }, epoch, serial, except) {
  assert.deepEqual(replay, { epoch, serial, except });
}
