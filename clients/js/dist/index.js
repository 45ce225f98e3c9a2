import { find } from "./find.js";
function attach(pusher) {
  const { connection, send_event: send } = pusher;
  const positions = /* @__PURE__ */ new WeakMap();
  const users = {};
  const ids = [];
  const owner = (name) => pusher.channel(name) || name[0] === "#" && (users[name] = users[name] || {});
  pusher.send_event = function(event, data, channel) {
    if (event === "pusher:subscribe") {
      const at = positions.get(owner(data.channel));
      const except = ids.filter((id) => id !== connection.socket_id).slice(-9);
      data = { ...data, replay: at ? { ...at, except } : {} };
    }
    return send.call(this, event, data, channel);
  };
  const note = (frame) => {
    if (!/"serial":\d+}$|_succeeded"|"pusher:replay"/.test(frame)) return;
    const { event, channel, data, epoch, serial } = JSON.parse(frame);
    const key = owner(channel);
    const at = positions.get(key);
    if (event === "pusher_internal:subscription_succeeded") {
      if (!epoch) positions.delete(key);
      else if (!at || at.epoch !== epoch || at.serial < serial) positions.set(key, { epoch, serial });
    } else if (event === "pusher:replay") {
      if (epoch) positions.set(key, { epoch, serial });
      globalThis.dispatchEvent(new CustomEvent(event, { detail: { channel, ...JSON.parse(data) } }));
    } else if (serial && at) {
      if (serial <= at.serial) return true;
      at.serial = serial;
    }
  };
  const connected = () => {
    const current = connection.connection;
    if (ids.push(connection.socket_id) > 10) ids.shift();
    if (!current) return;
    const { transport } = current;
    const { onMessage } = transport;
    transport.onMessage = function(message) {
      try {
        if (connection.connection === current && note(message.data)) return;
      } catch (_) {
      }
      onMessage.call(this, message);
    };
  };
  connection.bind("connected", connected);
  if (connection.state === "connected") connected();
}
function replay(target) {
  find(target, "resound-replay", attach);
  return target;
}
export {
  replay as default
};
