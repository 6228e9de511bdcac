import { createMsp } from "@gossip/fabric";
import { describe, expect, it } from "vitest";
import { mspCases } from "./msp-cases.js";

for (const { name, config, version, refused, identities = [] } of mspCases()) {
  describe(`13.38, 13.39, 13.40, 13.41: an MSP with ${name}`, () => {
    const create = () => createMsp(config, version === undefined ? {} : { version });

    if (refused !== undefined) {
      it("cannot be set up, which the error tells of its organization", () => {
        expect(create).toThrow(expect.objectContaining({ code: "invalid-config" }));
        expect(create).toThrow(/^MSP "Org1MSP": expected/);
        expect(create).toThrow(refused);
      });
      return;
    }
    it("can be set up", () => {
      expect(create().id).toBe("Org1MSP");
    });

    for (const { name: who, idBytes, reason, detail } of identities) {
      it(`${reason === undefined ? "takes" : "refuses"} ${who}`, () => {
        const identity = create().deserialize(idBytes);
        const verdict =
          "reason" in identity ? identity : identity.wellFormed.ok ? identity.validate() : identity.wellFormed;
        if (reason === undefined) expect(verdict).toEqual({ ok: true });
        else expect(verdict).toMatchObject({ ok: false, reason, detail: expect.stringContaining(detail ?? "") });
      });
    }
  });
}
