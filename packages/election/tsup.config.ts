import { library } from "../../tools/build/library.js";

export default library(["src/index.ts", "src/testing/index.ts"]);
