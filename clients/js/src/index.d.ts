/** What the server says of a replay, as the event `pusher:replay` of the channel. */
export type ReplayNotice =
  /** Everything that was missed follows: `count` events. */
  | { status: "recovered"; count: number }
  /**
   * Something is missing. The newest `count` events that there are follow; `missed` is how many are surely
   * lost, where that is known.
   */
  | { status: "gap"; reason: "expired" | "limit" | "epoch"; missed?: number; count: number };

/** The event `pusher:replay` of the window, or of the worker's global scope. */
export interface ReplayEvent extends Event {
  readonly detail: ReplayNotice & { channel: string };
}

declare global {
  interface Event {}
  interface WindowEventMap {
    "pusher:replay": ReplayEvent;
  }
}

/**
 * Lets a page that was away have what it missed, once and in order.
 *
 * @param target a Pusher class, a Pusher instance or an Echo instance; it is returned
 */
export default function replay<T>(target: T): T;
/** Does so for `window.Pusher`, whether it is there already or comes later. */
export default function replay(): void;
