import assert from "node:assert/strict";
import { test } from "node:test";
import { badgeText, isWorthTelling } from "../../../libs/chatui/src/chatui/static/js/later/notice-rule.js";

const posted = (message = {}, actor = "dmitri") => ({ type: "message.posted", actor: { id: actor }, message: { priority: "normal", mentions: [], ...message } });
const tells = (entry, notify, inFront = false) => isWorthTelling({ entry, myId: "nora", notify, inFront });

test("what others post is told to somebody who looks elsewhere, and to nobody who looks here", () => {
  assert.equal(tells(posted()), true);
  assert.equal(tells(posted(), "all", true), false);
  assert.equal(tells(posted({}, "nora")), false);
  assert.equal(tells({ type: "participant.joined", actor: { id: "dmitri" } }), false);
});

test("what a person prefers about a conversation decides", () => {
  assert.equal(tells(posted(), "none"), false);
  assert.equal(tells(posted(), "mentions"), false);
  assert.equal(tells(posted({ mentions: ["nora"] }), "mentions"), true);
  assert.equal(tells(posted({ priority: "urgent" }), "mentions"), false, "as the protocol has it for devices whose page is closed");
  assert.equal(tells(posted({ mentions: ["nora"], priority: "urgent" }), "none"), false);
});

test("the tab's picture has room for one figure", () => {
  assert.deepEqual([0, 1, 9, 10, 250].map(badgeText), ["", "1", "9", "9+", "9+"]);
});
