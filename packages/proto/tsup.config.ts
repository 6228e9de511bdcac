import { library } from "../../tools/build/library.js";

export default library(["src/index.ts", "src/fabric/index.ts", "src/ed25519/index.ts", "src/testing/index.ts"]);
