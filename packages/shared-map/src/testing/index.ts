export { authorOf, entryOf, SharedMapNetwork, type SharedMapNetworkOptions } from "./shared-map-network.js";
