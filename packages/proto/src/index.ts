export * from "./codec.js"; // CONTRACT: proto author replaces by explicit named exports
export * from "./comparator.js";
export * from "./describe.js";
export type * from "./messages.js";
export * from "./pki-id.js";
export * from "./tags.js";
