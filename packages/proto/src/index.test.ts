import { expect, test } from "vitest";
import * as ed25519 from "./ed25519/index.js";
import * as fabric from "./fabric/index.js";
import * as proto from "./index.js";
import * as testing from "./testing/index.js";

test.each(Object.entries({ proto, fabric, ed25519, testing }))("%s exports these names", (_, module) => {
  expect(Object.keys(module).sort()).toMatchSnapshot();
});
