// What every scenario uses: where the server is, clients of it, and waiting.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import Echo from "laravel-echo";
import PusherJS from "pusher-js";
import Publisher from "pusher";
import { Log, soon } from "./waiting.mjs";

export { Log, eventually, patience, soon } from "./waiting.mjs";

const env = (name) => process.env[name] ?? assert.fail(`${name} is not set: these files are run by go test`);

export const app = { id: env("APP_ID"), key: env("APP_KEY"), secret: env("APP_SECRET") };
export const host = env("SERVER_HOST");
export const port = Number(env("SERVER_PORT"));

// masterKey is what the publisher derives the keys of encrypted channels from.
const masterKey = Buffer.from("0123456789abcdef0123456789abcdef").toString("base64");

export const publisher = (options = {}) =>
  new Publisher({
    appId: app.id,
    key: app.key,
    secret: app.secret,
    host,
    port: String(port),
    useTLS: false,
    encryptionMasterKeyBase64: masterKey,
    ...options,
  });

// get asks the API and returns what it answered.
export async function get(path, params) {
  const response = await publisher().get({ path, params });
  assert.equal(response.status, 200);
  return response.json();
}

// authServer signs as Laravel's /broadcasting/auth and /broadcasting/user-auth do: form in, JSON out, and
// the user's id as a string. Who asks is in the header X-User; "nobody" is refused.
// watch is whom each user wants to know of.
export async function authServer(watch = {}) {
  const signer = publisher();
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    const [socket, channel] = [form.get("socket_id"), form.get("channel_name")];
    const user = request.headers["x-user"];
    const signin = request.url === "/broadcasting/user-auth";
    if (!socket || (!channel && !signin) || user === "nobody") {
      response.writeHead(403, { "content-type": "application/json" }).end('{"message":"Forbidden"}');
      return;
    }
    const info = { name: `User ${user}` };
    const member = channel?.startsWith("presence-") ? { user_id: user, user_info: info } : undefined;
    const answer = signin
      ? signer.authenticateUser(socket, { id: user, user_info: info, watchlist: watch[user] })
      : signer.authorizeChannel(socket, channel, member);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}/broadcasting/auth`;
  return { url, userURL: url.replace(/auth$/, "user-auth"), close: () => closeServer(server) };
}

export function closeServer(server) {
  server.closeAllConnections();
  return new Promise((done) => server.close(done));
}

// page is one page of one user: Echo as a Laravel application configures it.
export function page(auth, user = "1", options = {}) {
  return new Echo({
    broadcaster: "reverb",
    Pusher: PusherJS,
    key: app.key,
    wsHost: host,
    wsPort: port,
    wssPort: port,
    forceTLS: false,
    enabledTransports: ["ws", "wss"],
    authEndpoint: auth?.url,
    auth: { headers: { "X-User": user } },
    userAuthentication: { endpoint: auth?.userURL, headers: { "X-User": user } },
    ...options,
  });
}

export const pusherOf = (echo) => echo.connector.pusher;

// connected resolves with the socket id.
export function connected(echo) {
  const { connection } = pusherOf(echo);
  if (connection.state === "connected") return Promise.resolve(connection.socket_id);
  return soon("connection", (done) => connection.bind("connected", () => done(connection.socket_id)));
}

// subscribed resolves once the server has taken the subscription.
export function subscribed(channel) {
  return soon(`subscription to ${channel.name}`, (done, fail) => {
    if (channel.subscription.subscribed) return done(channel);
    channel.subscribed(() => done(channel));
    channel.error((e) => fail(new Error(`${channel.name}: ${JSON.stringify(e)}`)));
  });
}

// dismissed resolves once pusher-js has given up for good.
export async function dismissed(echo) {
  const { connection } = pusherOf(echo);
  const { socket } = connection.connection.transport;
  if (connection.state !== "disconnected") await soon("state disconnected", (done) => connection.bind("disconnected", done));
  // In Node it times the close of a socket that is closed already: 30 s that the process would wait for.
  clearTimeout(socket._closeTimer);
}

// dials logs each WebSocket that pusher-js opens from now on, whichever page it is for.
export function dials(t) {
  const opened = new Log();
  const { Runtime } = PusherJS;
  const create = Runtime.createWebSocket;
  Runtime.createWebSocket = function (url) {
    opened.add(url);
    return create.call(this, url);
  };
  t.after(() => (Runtime.createWebSocket = create));
  return opened;
}

// control asks the Go test for something that only it can do to the server.
export async function control(action) {
  const response = await fetch(`${env("CONTROL")}/${action}`, { method: "POST" });
  assert.equal(response.status, 200, await response.text());
}
