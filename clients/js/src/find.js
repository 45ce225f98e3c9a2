// Which connections of pusher-js somebody means: those that are there, and those that come.

// find calls attach once for each Pusher instance behind target: a Pusher class, a Pusher instance, an
// Echo instance, or nothing, which is window.Pusher now and whenever it is set. What has been attached
// is noted on the objects themselves, so that a second copy of this file finds nothing left to do.
export function find(target, feature, attach) {
  const mark = Symbol.for(feature);
  const first = (object) => !object[mark] && (object[mark] = true);

  const hook = (found) => {
    const pusher = found && found.connector ? found.connector.pusher : found;
    const list = pusher && pusher.instances;
    if (list) {
      // Every constructor ends by pushing onto this array, which subclasses share, before it connects.
      if (first(list)) {
        const { push } = list;
        list.push = function (instance) {
          hook(instance);
          return push.call(this, instance);
        };
        list.forEach((instance) => hook(instance));
      }
    } else if (pusher && pusher.send_event && first(pusher)) attach(pusher);
  };

  if (target) return hook(target);
  // The browser build of pusher-js sets window.Pusher as it is loaded, in bundles too.
  const old = Object.getOwnPropertyDescriptor(globalThis, "Pusher") || {};
  let { value } = old;
  hook(globalThis.Pusher);
  try {
    Object.defineProperty(globalThis, "Pusher", {
      configurable: true,
      enumerable: true,
      get: () => (old.get ? old.get() : value),
      set(next) {
        if (old.set) old.set(next);
        else value = next;
        hook(next);
      },
    });
  } catch (_) {
    // Declared with var, or frozen: what is there has been found.
  }
}
