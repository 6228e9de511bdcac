export { FakeChannel, FakeNode } from "./fake-node.js";
export { FakeOrderer } from "./fake-orderer.js";
export { type TrialIdentityOptions, TrialNetwork } from "./trial-network.js";
