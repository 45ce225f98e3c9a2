// What echo-browser.mjs drives in a page. Everything that arrives goes to window.log.

/* global Echo */

window.log = [];
window.closes = [];

const RealWebSocket = window.WebSocket;
window.WebSocket = class extends RealWebSocket {
  constructor(...args) {
    super(...args);
    this.addEventListener("close", (e) => window.closes.push({ code: e.code, wasClean: e.wasClean }));
  }
};

const query = new URLSearchParams(location.search);

// Each state that the connection has been in, from the first.
window.states = [];

// In laravel-echo 2.5 the global of the IIFE build is a namespace.
window.echo = new Echo.default({
  broadcaster: "reverb",
  key: query.get("key"),
  wsHost: query.get("host"),
  wsPort: Number(query.get("port")),
  wssPort: Number(query.get("port")),
  forceTLS: false,
  enabledTransports: ["ws", "wss"],
  authEndpoint: "/broadcasting/auth",
  auth: { headers: { "X-User": query.get("user") } },
});

echo.connector.pusher.connection.bind("state_change", ({ current }) => window.states.push(current));

// join subscribes and resolves once the server has taken it.
window.join = (kind, name) =>
  new Promise((done, fail) => {
    const channel = {
      public: () => echo.channel(name),
      private: () => echo.private(name),
      presence: () => echo.join(name),
      encrypted: () => echo.encryptedPrivate(name),
    }[kind]();
    channel.listen(".e", (data) => log.push([channel.name, data])).listen("Shipped", (data) => log.push([channel.name, "Shipped", data]));
    channel.listenForWhisper("typing", (data) => log.push([channel.name, "whisper", data]));
    channel.error((e) => fail(new Error(JSON.stringify(e)))).subscribed(() => done(channel.name));
    if (kind !== "presence") return;
    const names = (list) => list.map((user) => user.name);
    channel.here((users) => log.push(["here", ...names(users)]));
    channel.joining((user) => log.push(["joining", user.name])).leaving((user) => log.push(["leaving", user.name]));
  });
