// For a page that does nothing but load this: window.Pusher, now or when it is there.

import replay from "./index.js";

replay();
