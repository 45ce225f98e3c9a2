// What a page missed while it was away, from the server that kept it.
//
// Each subscription asks for numbered events, and notes the number of the last one that came. When pusher-js
// subscribes again, on another connection, the request says where this page stands.

import { find } from "./find.js";

function attach(pusher) {
  const { connection, send_event: send } = pusher;
  // Channel → {epoch, serial}. Who leaves a channel and joins it again has another Channel and begins anew.
  const positions = new WeakMap();
  // Stands in for the Channel of #server-to-user-…, which is another one after each sign-in.
  const users = {};
  // Our socket ids, the newest last: what this page sent to others is not for it later either.
  const ids = [];

  const owner = (name) => pusher.channel(name) || (name[0] === "#" && (users[name] = users[name] || {}));

  pusher.send_event = function (event, data, channel) {
    if (event === "pusher:subscribe") {
      const at = positions.get(owner(data.channel));
      const except = ids.filter((id) => id !== connection.socket_id).slice(-9);
      data = { ...data, replay: at ? { ...at, except } : {} };
    }
    return send.call(this, event, data, channel);
  };

  // note takes down what a frame says of positions. True: the page has had it.
  const note = (frame) => {
    // Most frames of others are not worth a second parse: "serial" comes last in those that have it.
    if (!/"serial":\d+}$|_succeeded"|"pusher:replay"/.test(frame)) return;
    const { event, channel, data, epoch, serial } = JSON.parse(frame);
    const key = owner(channel);
    const at = positions.get(key);
    if (event === "pusher_internal:subscription_succeeded") {
      // Without an epoch the server keeps nothing. One that answers two subscriptions must not set us back.
      if (!epoch) positions.delete(key);
      else if (!at || at.epoch !== epoch || at.serial < serial) positions.set(key, { epoch, serial });
    } else if (event === "pusher:replay") {
      // Over a gap it is the notice that moves us: until it is here, the page has not been told.
      if (epoch) positions.set(key, { epoch, serial });
      // Livewire cannot listen to a channel's event with a colon in its name, but to this.
      globalThis.dispatchEvent(new CustomEvent(event, { detail: { channel, ...JSON.parse(data) } }));
    } else if (serial && at) {
      if (serial <= at.serial) return true;
      at.serial = serial;
    }
  };

  const connected = () => {
    const current = connection.connection;
    if (ids.push(connection.socket_id) > 10) ids.shift();
    if (!current) return; // lost a moment ago
    const { transport } = current;
    const { onMessage } = transport;
    transport.onMessage = function (message) {
      try {
        // What a socket still brings after pusher-js has given it up reaches nobody.
        if (connection.connection === current && note(message.data)) return;
      } catch (_) {
        // No JSON, or no DOM: pusher-js knows what to do with it.
      }
      onMessage.call(this, message);
    };
  };
  connection.bind("connected", connected);
  if (connection.state === "connected") connected();
}

export default function replay(target) {
  find(target, "resound-replay", attach);
  return target;
}
