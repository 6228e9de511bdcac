export { resolveSharedMapConfig, type SharedMapConfig, sharedMapDefaults } from "./config.js";
export { decodeDigest, type EntryName, encodeDigest } from "./digest.js";
export { compareVersions, entryBytes, type MapEntry, type Version } from "./entry.js";
export type {
  AuthorRemoved,
  Change,
  EntryReceived,
  PeerUp,
  Push,
  SendSharedHello,
  SharedHelloReceived,
  SharedMapDropped,
  SharedMapDropReason,
  SharedMapInput,
  SharedMapOutput,
  Sign,
  Signed,
  SignFailed,
  WriteRequested,
  Written,
} from "./io.js";
export { readEntry } from "./read-entry.js";
export { SharedMap, type SharedMapOptions } from "./shared-map.js";
export type { EntryRefusal } from "./store.js";
