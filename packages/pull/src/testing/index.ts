export { anybody, type PullItemsCase, type PullItemsSubject, pullItemsCases } from "./pull-items-cases.js";
export { type Message, PullNetwork, type PullNetworkOptions, type StartOptions } from "./pull-network.js";
export { digestOf, nameOf, pkiIdOf, textOf } from "./texts.js";
