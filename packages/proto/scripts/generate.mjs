// Makes src/generated from proto/: static JavaScript by protobufjs, and declarations of the little that we use of it.
// The declarations are ours because those of pbts name every helper of protobufjs, need a CommonJS import of Long,
// and take seconds to make.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import protobuf from "protobufjs";
import pbjs from "protobufjs-cli/pbjs.js";

/** One module for each entry of the package, so that a user of one does not load the others. */
const modules = {
  gossip: ["gossip/message.proto"],
  fabric: [
    ...["common/common.proto", "common/configtx.proto", "common/configuration.proto", "common/policies.proto"],
    ...["msp/identities.proto", "msp/msp_config.proto", "msp/msp_principal.proto"],
    ...["orderer/ab.proto", "orderer/configuration.proto", "peer/collection.proto", "peer/configuration.proto"],
  ],
  ed25519: ["ed25519/identity.proto", "ed25519/channel.proto", "ed25519/revocation.proto"],
};

const source = fileURLToPath(new URL("../proto/", import.meta.url));
const target = fileURLToPath(new URL("../src/generated/", import.meta.url));

const options = [
  ...["--target", "static-module", "--wrap", "esm", "--path", source, "--force-long"],
  ...["--no-create", "--no-verify", "--no-convert", "--no-delimited", "--no-typeurl", "--no-service", "--no-comments"],
];

const outputs = new Map();
for (const [name, files] of Object.entries(modules)) {
  outputs.set(`${name}.js`, await promisify(pbjs.main)([...options, "--root", `@gossip/proto/${name}`, ...files]));
  outputs.set(`${name}.d.ts`, declarations(files));
}

// Only what has changed is written, so that a program which reads the files meanwhile finds them whole.
mkdirSync(target, { recursive: true });
const present = readdirSync(target);
for (const name of present) if (!outputs.has(name)) rmSync(target + name, { recursive: true });
for (const [name, text] of outputs) {
  if (!present.includes(name) || readFileSync(target + name, "utf8") !== text) writeFileSync(target + name, text);
}

function declarations(files) {
  const root = new protobuf.Root();
  const resolve = root.resolvePath;
  root.resolvePath = (origin, file) => resolve.call(root, source, file) ?? resolve.call(root, origin, file);
  root.loadSync(files).resolveAll();
  return [
    'import type Long from "long";',
    'import type { MessageCodec } from "../wire.js";',
    "",
    ...root.nestedArray.flatMap((nested) => declareNamespace(nested, "export ")),
    "",
  ].join("\n");
}

function declareNamespace(namespace, modifier = "") {
  if (!(namespace instanceof protobuf.Namespace)) return [];
  const lines = [];
  if (namespace instanceof protobuf.Type) {
    lines.push(`interface ${namespace.name} {`);
    for (const field of namespace.fieldsArray) lines.push(`  readonly ${field.name}: ${fieldType(field)};`);
    lines.push("}", `const ${namespace.name}: MessageCodec<${namespace.name}>;`);
  }
  const inner = namespace.nestedArray.flatMap((nested) => declareNamespace(nested));
  if (inner.length > 0 && !(namespace instanceof protobuf.Service)) {
    lines.push(`${modifier}namespace ${namespace.name} {`, ...inner.map((line) => `  ${line}`), "}");
  }
  return lines;
}

/** The type of a field after decoding: what is absent reads as the default, and a message or a oneof member as null. */
function fieldType(field) {
  const single = field.resolvedType instanceof protobuf.Type ? field.resolvedType.fullName.slice(1) : scalarType(field);
  if (field.repeated) return `readonly ${single}[]`;
  return field.resolvedType instanceof protobuf.Type || field.partOf ? `${single} | null` : single;
}

function scalarType(field) {
  if (field.resolvedType instanceof protobuf.Enum) return "number";
  switch (field.type) {
    case "bytes":
      return "Uint8Array";
    case "string":
      return "string";
    case "bool":
      return "boolean";
    case "int32":
    case "uint32":
      return "number";
    case "int64":
    case "uint64":
      return "Long";
    default:
      throw new Error(`expected a field type that the declarations know, got ${field.type} of ${field.fullName}`);
  }
}
