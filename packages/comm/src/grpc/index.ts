export { createGrpcTransport, type GrpcTransport } from "./grpc-transport.js";
export {
  type GrpcLimits,
  type GrpcTls,
  type GrpcTransportOptions,
  grpcLimitDefaults,
  type Pem,
  type TlsRoots,
} from "./options.js";
export { tlsCertHash } from "./tls.js";
export {
  createTlsAuthority,
  type TlsAuthority,
  type TlsAuthorityOptions,
  type TlsLeafOptions,
  type TlsPair,
} from "./tls-authority.js";
