export * from "./comm.js"; // CONTRACT: comm author replaces by explicit named exports
export * from "./ports.js";
