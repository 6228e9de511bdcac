import {
  type Config,
  encodeAcls,
  encodeAnchorPeers,
  encodeBatchSize,
  encodeBatchTimeout,
  encodeBlockDataHashingStructure,
  encodeCapabilities,
  encodeHashingAlgorithm,
  encodeMspConfig,
  encodeOrdererAddresses,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import {
  anyOf,
  changeGroup,
  changePolicy,
  changeValue,
  implicitPolicy,
  makeChannelConfig,
  makeGroup,
  role,
  type TestChannelOptions,
} from "../testing/channels.js";
import { makeMspConfig, makeOrganization } from "../testing/organizations.js";
import { createChannelBundle } from "./bundle.js";

const org1 = makeOrganization("Org1MSP");
const org2 = makeOrganization("Org2MSP");
const orderer = makeOrganization("OrdererMSP");
const options: TestChannelOptions = {
  organizations: [{ ...org1, anchors: ["peer0.org1:7051"] }, org2],
  ordererOrganizations: [orderer],
};
const config = makeChannelConfig(options);

describe("A channel bundle", () => {
  test("shows what a configuration decides", () => {
    const bundle = createChannelBundle("payments", config);
    expect(bundle).toMatchObject({
      channelId: "payments",
      sequence: 0n,
      isV3: false,
      capabilities: ["V2_0"],
      consensusType: "etcdraft",
      organizations: [
        { name: "Org1MSP", mspId: "Org1MSP", anchors: ["peer0.org1:7051"] },
        { name: "Org2MSP", mspId: "Org2MSP", anchors: [] },
      ],
      orderers: [{ address: "orderer.orderermsp:7050", org: "OrdererMSP" }],
      consenters: [],
    });
    expect([...bundle.msps.msps.keys()]).toEqual(["Org1MSP", "Org2MSP", "OrdererMSP"]);
    expect([...bundle.msps.msps.values()].map(({ version }) => version)).toEqual(["v1.4.3", "v1.4.3", "v1.4.3"]);
    expect(bundle.peerTlsRoots).toEqual([org1.tlsRoot.pem, org2.tlsRoot.pem]);
    expect(bundle.orderers.map(({ tlsRoots }) => tlsRoots)).toEqual([[orderer.tlsRoot.pem]]);
  });

  test("judges by the policies of its configuration, and by others over its MSPs", () => {
    const bundle = createChannelBundle("payments", config);
    const data = new Uint8Array([1]);
    const { identity, sign } = org2.issue("peer0");
    const signed = [{ identity, data, signature: sign(data) }];
    expect(bundle.policy("/Channel/Application/Readers").evaluate(signed)).toEqual({ ok: true });
    expect(bundle.policy("/Channel/Application/Writers").evaluate(signed).ok).toBe(false);
    expect(bundle.signaturePolicy(policyBytes("Org2MSP")).evaluate(signed)).toEqual({ ok: true });
    expect(bundle.signaturePolicy(policyBytes("Org1MSP")).evaluate(signed).ok).toBe(false);
  });

  test("13.45: takes the id of an organization from its MSP, whatever its group is called", () => {
    const named = makeChannelConfig({ ...options, organizations: [{ ...org1, name: "Org1Group" }] });
    const { organizations } = createChannelBundle("payments", named);
    expect(organizations).toEqual([{ name: "Org1Group", mspId: "Org1MSP", anchors: [] }]);
  });

  test("13.45: has an organization's MSP once, though its peers and orderers are both in the channel", () => {
    const both = makeChannelConfig({ organizations: [org1], ordererOrganizations: [org1] });
    expect([...createChannelBundle("payments", both).msps.msps.keys()]).toEqual(["Org1MSP"]);
    const renewed = { ...org1, config: { ...org1.config, tlsRootCerts: [] } };
    const two = makeChannelConfig({ organizations: [org1], ordererOrganizations: [renewed] });
    expect(() => createChannelBundle("payments", two)).toThrow(/one definition of MSP "Org1MSP"/);
  });

  test("dials global orderers, with the authorities of all their organizations, only where no organization has its own", () => {
    const other = makeOrganization("Orderer2MSP");
    const addresses = encodeOrdererAddresses({ addresses: ["global:7050"] });
    const withBoth = (endpoints: readonly string[]) =>
      changeValue(
        makeChannelConfig({
          ...options,
          ordererOrganizations: [
            { ...orderer, endpoints },
            { ...other, endpoints: [] },
          ],
        }),
        [],
        "OrdererAddresses",
        addresses,
      );
    expect(createChannelBundle("payments", withBoth([])).orderers).toEqual([
      { address: "global:7050", org: "", tlsRoots: [orderer.tlsRoot.pem, other.tlsRoot.pem] },
    ]);
    expect(createChannelBundle("payments", withBoth(["own:7050"])).orderers).toEqual([
      { address: "own:7050", org: "OrdererMSP", tlsRoots: [orderer.tlsRoot.pem] },
    ]);
  });

  test("13.36: has Ed25519 and numbered orderers with capability V3_0", () => {
    const bundle = createChannelBundle("payments", makeChannelConfig({ ...options, capabilities: ["V3_0"] }));
    expect(bundle).toMatchObject({ isV3: true, capabilities: ["V3_0"] });
    expect([...bundle.msps.msps.values()].map(({ version }) => version)).toEqual(["v3", "v3", "v3"]);
  });

  test("13.47, 13.60: warns of what an operator should know", () => {
    expect(createChannelBundle("payments", config).warnings).toEqual([
      "/Channel/Orderer/BlockValidation takes the signature of any member of OrdererMSP for an orderer's",
    ]);
    const strict = changePolicy(config, ["Orderer"], "BlockValidation", anyOf([role("OrdererMSP", "orderer")]));
    const lacking = changePolicy(strict, ["Application"], "Readers", undefined);
    const anchorPeers = [
      { host: "", port: 7051 },
      { host: "peer0", port: 0 },
      { host: "peer1", port: 65_536 },
    ];
    const odd = changeValue(lacking, ["Application", "Org1MSP"], "AnchorPeers", encodeAnchorPeers({ anchorPeers }));
    const { warnings, organizations } = createChannelBundle("payments", odd);
    expect(organizations[0]?.anchors).toEqual([]);
    expect(warnings.map((warning) => warning.split(",").at(-1))).toEqual([
      ' got ":7051"',
      ' got "peer0:0"',
      ' got "peer1:65536"',
      " so nobody satisfies it",
    ]);
  });
});

describe("13.43, 13.44, 13.46: A configuration is refused", () => {
  const foreign = makeMspConfig("Org1MSP", [org1.root], { rootCerts: [new Uint8Array([1])] });

  test.each<readonly [string, Config, RegExp]>([
    [
      "with a value that nobody knows in the channel",
      changeValue(config, [], "Fees", none()),
      /group \/Channel.*"Fees"/,
    ],
    ["with one in the application", changeValue(config, ["Application"], "Fees", none()), /Application.*"Fees"/],
    ["with one in an organization", changeValue(config, ["Application", "Org1MSP"], "Fees", none()), /Org1MSP.*"Fees"/],
    ["with one in the orderers", changeValue(config, ["Orderer"], "Fees", none()), /Orderer.*"Fees"/],
    ["with Endpoints of peers", changeValue(config, ["Application", "Org1MSP"], "Endpoints", none()), /"Endpoints"/],
    ["with a group that nobody knows", changeGroup(config, ["Auditors"], () => makeGroup({})), /"Auditors"/],
    ["of a system channel", changeGroup(config, ["Consortiums"], () => makeGroup({})), /Consortiums/],
    [
      "with a group in an organization",
      changeGroup(config, ["Application", "Org1MSP", "Sub"], () => makeGroup({})),
      /no groups.*"Sub"/,
    ],
    [
      "with a group in one of orderers",
      changeGroup(config, ["Orderer", "OrdererMSP", "Sub"], () => makeGroup({})),
      /no groups.*"Sub"/,
    ],
    ["without orderers", without("Orderer"), /a group Orderer.*none/],
    ["without applications", without("Application"), /a group Application.*none/],
    ["with a key that has a slash", changeGroup(config, ["Application", "a/b"], () => makeGroup({})), /"a\/b"/],
    ["with the key ..", changeGroup(config, ["Application", ".."], () => makeGroup({})), /"\.\."/],
    ["that demands an unknown capability", capable([], "V2_0", "V9_9"), /\/Channel that are known.*"V9_9"/],
    ["that demands one of the application", capable(["Application"], "V3_0"), /Application that are known.*"V3_0"/],
    ["that demands one of the orderers", capable(["Orderer"], "V2_0", "V4"), /Orderer that are known.*"V4"/],
    ["of rules before 1.4.3", capable([], "V1_4_2"), /V1_4_3, V2_0 or V3_0.*got V1_4_2/],
    ["without capabilities", capable([]), /V1_4_3, V2_0 or V3_0.*got none/],
    [
      "with capabilities but of the orderers",
      changeValue(config, ["Orderer"], "Capabilities", undefined),
      /Orderer.*none/,
    ],
    ["with ACLs before they were", aclsWith("V1_1"), /ACLs without/],
    [
      "that hashes otherwise",
      changeValue(config, [], "HashingAlgorithm", encodeHashingAlgorithm({ name: "MD5" })),
      /"MD5"/,
    ],
    ["that does not say how it hashes", changeValue(config, [], "HashingAlgorithm", undefined), /HashingAlgorithm.*""/],
    [
      "of another hash tree",
      changeValue(config, [], "BlockDataHashingStructure", encodeBlockDataHashingStructure({ width: 2 })),
      /width.*got 2$/,
    ],
    ["without a BatchSize", changeValue(config, ["Orderer"], "BatchSize", undefined), /BatchSize.*"maxMessageCount":0/],
    ["with batches larger than they may be", batchSize(1, 2, 3), /BatchSize.*"preferredMaxBytes":3/],
    ["with batches of no message", batchSize(0, 3, 3), /BatchSize/],
    ["without a BatchTimeout", changeValue(config, ["Orderer"], "BatchTimeout", undefined), /BatchTimeout.*""/],
    ["with a BatchTimeout of nothing", batchTimeout("0h0.0s"), /BatchTimeout.*"0h0.0s"/],
    ["with a BatchTimeout without a unit", batchTimeout("2"), /BatchTimeout.*"2"/],
    ["with a BatchTimeout below nothing", batchTimeout("-2s"), /BatchTimeout.*"-2s"/],
    ["with an MSP that is none", changeValue(config, ["Application", "Org1MSP"], "MSP", undefined), /missing-field/],
    [
      "with an Idemix MSP",
      changeValue(config, ["Application", "Org1MSP"], "MSP", encodeMspConfig({ type: 1, config: none() })),
      /type 1/,
    ],
    [
      "with an MSP that cannot be set up",
      makeChannelConfig({ ...options, organizations: [{ mspId: "Org1MSP", config: foreign }] }),
      /Org1MSP that can be set up/,
    ],
    [
      "with a value that does not decode",
      changeValue(config, ["Orderer"], "ConsensusType", new Uint8Array([0xff])),
      /ConsensusType.*undecodable/,
    ],
    [
      "with a policy that does not compile",
      changePolicy(config, ["Application"], "Odd", { version: 0n, policy: { type: 2, value: none() }, modPolicy: "" }),
      /policy \/Channel\/Application\/Odd/,
    ],
    [
      "with global orderers on V3_0",
      changeValue(onV3(), [], "OrdererAddresses", encodeOrdererAddresses({ addresses: ["a:1"] })),
      /no global/,
    ],
    [
      "with an orderer organization without Endpoints on V3_0",
      changeValue(onV3(), ["Orderer", "OrdererMSP"], "Endpoints", undefined),
      /Endpoints of each.*OrdererMSP/,
    ],
  ])("%s", (_, wrong, message) => {
    expect(() => createChannelBundle("payments", wrong)).toThrow(
      expect.objectContaining({ code: "malformed", message: expect.stringMatching(message) }),
    );
  });

  test.each(["", "Payments", "1st", "pay_ments", `p${"a".repeat(249)}`, "pay ments"])("for the channel id %j", (id) => {
    expect(() => createChannelBundle(id, config)).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});

test("A configuration may have policies that nobody knows, capabilities of long ago, and ACLs", () => {
  const legacy = capable([], "V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0");
  const odd = changePolicy(
    aclsWith("V2_0", legacy),
    ["Application", "Org1MSP"],
    "Auditors",
    implicitPolicy("any", "X"),
  );
  expect(createChannelBundle("payments", odd).capabilities).toHaveLength(5);
});

function without(name: string): Config {
  const groups = new Map(config.channelGroup.groups);
  groups.delete(name);
  return { ...config, channelGroup: { ...config.channelGroup, groups } };
}

function capable(path: readonly string[], ...names: readonly string[]): Config {
  return changeValue(config, path, "Capabilities", encodeCapabilities({ names }));
}

function aclsWith(capability: string, from = config): Config {
  const policyRefs = new Map([["event/Block", "/Channel/Application/Readers"]]);
  const acls = changeValue(from, ["Application"], "ACLs", encodeAcls({ policyRefs }));
  return changeValue(acls, ["Application"], "Capabilities", encodeCapabilities({ names: [capability] }));
}

function batchSize(maxMessageCount: number, absoluteMaxBytes: number, preferredMaxBytes: number): Config {
  const value = encodeBatchSize({ maxMessageCount, absoluteMaxBytes, preferredMaxBytes });
  return changeValue(config, ["Orderer"], "BatchSize", value);
}

function batchTimeout(timeout: string): Config {
  return changeValue(config, ["Orderer"], "BatchTimeout", encodeBatchTimeout({ timeout }));
}

function onV3(): Config {
  return makeChannelConfig({ ...options, capabilities: ["V3_0"] });
}

function policyBytes(mspId: string): Uint8Array {
  return anyOf([role(mspId, "peer")]).policy?.value ?? none();
}

function none(): Uint8Array {
  return new Uint8Array(0);
}
