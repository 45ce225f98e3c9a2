function find(target, feature, attach) {
  const mark = Symbol.for(feature);
  const first = (object) => !object[mark] && (object[mark] = true);
  const hook = (found) => {
    const pusher = found && found.connector ? found.connector.pusher : found;
    const list = pusher && pusher.instances;
    if (list) {
      if (first(list)) {
        const { push } = list;
        list.push = function(instance) {
          hook(instance);
          return push.call(this, instance);
        };
        list.forEach((instance) => hook(instance));
      }
    } else if (pusher && pusher.send_event && first(pusher)) attach(pusher);
  };
  if (target) return hook(target);
  const old = Object.getOwnPropertyDescriptor(globalThis, "Pusher") || {};
  let { value } = old;
  hook(globalThis.Pusher);
  try {
    Object.defineProperty(globalThis, "Pusher", {
      configurable: true,
      enumerable: true,
      get: () => old.get ? old.get() : value,
      set(next) {
        if (old.set) old.set(next);
        else value = next;
        hook(next);
      }
    });
  } catch (_) {
  }
}
export {
  find
};
