export {
  type Block,
  type BlockHeader,
  blockDataBytes,
  encodeBlock,
  isCanonicalTransaction,
  readBlock,
} from "./block.js";
export { blockHeaderBytes } from "./der.js";
export {
  type ChannelHeader,
  encodePayload,
  encodeSignatureHeader,
  encodeSignedEnvelope,
  type HeaderType,
  type Payload,
  readPayload,
  readSignatureHeader,
  readSignedEnvelope,
  type SignatureHeader,
  type SignedEnvelope,
} from "./envelope.js";
export { encodeSerializedIdentity, readSerializedIdentity, type SerializedIdentity } from "./identity.js";
export {
  encodeMetadata,
  encodeOrdererBlockMetadata,
  type Metadata,
  type MetadataSignature,
  type OrdererBlockMetadata,
  readMetadata,
  readOrdererBlockMetadata,
} from "./metadata.js";
export {
  type BroadcastResponse,
  type DeliverResponse,
  encodeBroadcastResponse,
  encodeDeliverResponse,
  encodeSeekInfo,
  readBroadcastResponse,
  readDeliverResponse,
  readSeekInfo,
  type SeekInfo,
  type SeekPosition,
  type Status,
} from "./orderer.js";
