/** What decoding gave: the value, or why the bytes are not one. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: DecodeFailure; readonly detail: string };

/**
 * Why bytes were not decoded; closed, since it labels a metric.
 *
 * | Reason | Meaning |
 * | --- | --- |
 * | `too-large` | more bytes or more fields than the limit |
 * | `undecodable` | no protobuf of the expected schema, or a string that is not UTF-8; a Fabric peer ends the stream here |
 * | `no-content` | none of the contents that this version knows |
 * | `ambiguous-content` | more than one content in one message |
 * | `missing-field` | a part is absent without which the message has no meaning |
 * | `invalid-field` | a field holds what it never may |
 */
export type DecodeFailure =
  | "too-large"
  | "undecodable"
  | "no-content"
  | "ambiguous-content"
  | "missing-field"
  | "invalid-field";
