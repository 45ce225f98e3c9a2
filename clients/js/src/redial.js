// A dial that is refused is tried again soon. pusher-js alone waits for 15 s, then 30 s, then a minute.

import { find } from "./find.js";

const first = 500; // ms; twice as long each time, up to
const doublings = 5;

function attach(pusher) {
  const { connection, timeline } = pusher;
  const { info } = timeline;
  const dials = new Map(); // under way: id of the transport → whether it is open
  let tries = 0;
  let timer;

  const again = () => {
    // No runner: connected, told to stay away, or waiting for its own time to come.
    if (!connection.runner) return;
    connection.abortConnecting();
    connection.startConnecting();
  };

  connection.bind("connected", () => {
    tries = 0;
    dials.clear();
    clearTimeout(timer);
  });

  // The timeline is where pusher-js says what happens to a transport; to bindings it says so much later.
  timeline.info = function (message) {
    info.call(this, message);
    const { cid, state } = message;
    if (!cid) return; // the state of the whole, not that of a transport
    if (state === "connecting" || state === "open") {
      clearTimeout(timer);
      dials.set(cid, state === "open");
    } else if (state === "closed") {
      const open = dials.get(cid);
      dials.delete(cid);
      // One that was open is for pusher-js, which knows what the code means. One of two may yet succeed.
      if (!connection.runner || open || dials.size) return;
      clearTimeout(timer);
      // Many pages were refused in the same moment: they must not all be back in the same moment.
      timer = setTimeout(again, first * 2 ** Math.min(tries++, doublings) * (0.5 + Math.random()));
    }
  };
}

export default function redial(target) {
  find(target, "resound-redial", attach);
  return target;
}
