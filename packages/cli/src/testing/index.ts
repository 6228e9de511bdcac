export { mixedLines } from "./mixed-lines.js";
export { inTemporaryFolder } from "./temporary-folder.js";
