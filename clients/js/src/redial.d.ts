/**
 * Tries a refused dial again after half a second, a second and so on, each with jitter, at most about
 * 24 s apart, where pusher-js alone waits for 15 s, 30 s and then a minute.
 *
 * @param target a Pusher class, a Pusher instance or an Echo instance; it is returned
 */
export default function redial<T>(target: T): T;
/** Does so for `window.Pusher`, whether it is there already or comes later. */
export default function redial(): void;
