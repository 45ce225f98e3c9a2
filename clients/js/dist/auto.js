import replay from "./index.js";
replay();
