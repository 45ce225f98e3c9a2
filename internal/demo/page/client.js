// A client for Pusher protocol 7 on a bare WebSocket, small enough to read in
// one go. Applications use laravel-echo with pusher-js instead.

const BEAT = 5000; // ms between pings; each answer is a round trip measured
const MISSED = 3; // pings without any answer after which the line is dead

export class Client {
  #channels = new Map(); // name -> {on: {event: handler}, authorize}
  #socket = null;
  #attempt = 0;
  #timer = 0;
  #pingAt = 0;
  #missed = 0;

  socketId = null; // null while not connected

  // hooks: state("connecting" | "connected" | "refused", text), frame(), latency(ms), problem(text)
  constructor(url, hooks) {
    this.url = url;
    this.hooks = hooks;
    addEventListener("online", () => this.#socket || this.#open());
    setInterval(() => this.#beat(), BEAT);
    this.#open();
  }

  // subscribe keeps the channel over every reconnect. authorize(socketId, name)
  // returns what goes into the command: {auth, channel_data}.
  subscribe(name, on, authorize = null) {
    this.#channels.set(name, { on, authorize });
    if (this.socketId) this.#join(name);
  }

  whisper(channel, event, data) {
    this.#send({ event, channel, data });
  }

  #open() {
    clearTimeout(this.#timer);
    this.hooks.state("connecting", "Connecting");
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    // A socket that was given up must not be heard any more.
    const mine = (f) => (e) => socket === this.#socket && f(e);
    socket.onmessage = mine((e) => this.#receive(e.data));
    socket.onclose = mine((e) => this.#lost(e.code));
  }

  #lost(code) {
    const socket = this.#socket;
    this.#socket = this.socketId = null;
    socket.close();
    if (code >= 4000 && code < 4100) {
      this.hooks.state("refused", "Refused");
      this.hooks.problem(`The server refused this page (code ${code}). It may have got an application of its own: reload to see.`);
      return;
    }
    this.hooks.state("connecting", "Reconnecting");
    // Half of the wait is random, so that many tabs do not come back as one.
    const wait = Math.min(10_000, 400 * 2 ** this.#attempt++);
    this.#timer = setTimeout(() => this.#open(), wait * (0.5 + Math.random() / 2));
  }

  #beat() {
    if (!this.socketId) return;
    if (this.#pingAt && ++this.#missed >= MISSED) return this.#lost(0);
    this.#pingAt ||= performance.now();
    this.#send({ event: "pusher:ping", data: {} });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #receive(text) {
    this.hooks.frame();
    this.#missed = 0;
    const frame = JSON.parse(text);
    const data = typeof frame.data === "string" ? parse(frame.data) : frame.data;
    switch (frame.event) {
      case "pusher:connection_established":
        this.socketId = data.socket_id;
        this.#attempt = this.#pingAt = 0;
        this.hooks.state("connected", "Connected");
        for (const name of this.#channels.keys()) this.#join(name);
        this.#beat();
        return;
      case "pusher:ping":
        return this.#send({ event: "pusher:pong", data: {} });
      case "pusher:pong":
        if (this.#pingAt) this.hooks.latency(performance.now() - this.#pingAt);
        this.#pingAt = 0;
        return;
      case "pusher:error":
        return this.hooks.problem(data?.message ?? "The server reported an error.");
    }
    this.#channels.get(frame.channel)?.on[frame.event]?.(data, frame.user_id);
  }

  async #join(name) {
    const id = this.socketId;
    const { authorize } = this.#channels.get(name);
    try {
      const proof = authorize ? await authorize(id, name) : { auth: "" };
      if (id === this.socketId) this.#send({ event: "pusher:subscribe", data: { channel: name, ...proof } });
    } catch (e) {
      this.hooks.problem(`No access to ${name}: ${e.message}`);
    }
  }
}

// Data that is not JSON is a plain string; the protocol allows both.
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
