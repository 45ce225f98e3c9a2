import { find } from "./find.js";
const first = 500;
const doublings = 5;
function attach(pusher) {
  const { connection, timeline } = pusher;
  const { info } = timeline;
  const dials = /* @__PURE__ */ new Map();
  let tries = 0;
  let timer;
  const again = () => {
    if (!connection.runner) return;
    connection.abortConnecting();
    connection.startConnecting();
  };
  connection.bind("connected", () => {
    tries = 0;
    dials.clear();
    clearTimeout(timer);
  });
  timeline.info = function(message) {
    info.call(this, message);
    const { cid, state } = message;
    if (!cid) return;
    if (state === "connecting" || state === "open") {
      clearTimeout(timer);
      dials.set(cid, state === "open");
    } else if (state === "closed") {
      const open = dials.get(cid);
      dials.delete(cid);
      if (!connection.runner || open || dials.size) return;
      clearTimeout(timer);
      timer = setTimeout(again, first * 2 ** Math.min(tries++, doublings) * (0.5 + Math.random()));
    }
  };
}
function redial(target) {
  find(target, "resound-redial", attach);
  return target;
}
export {
  redial as default
};
