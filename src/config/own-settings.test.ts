import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { errorsOf, load, requestFor } from "./load-test-support.ts";

const PLUGIN = "plugins.mine = on\nplugins.mine.path = /plugins\n";

function errors(context: TestContext, text: string): readonly string[] {
  return errorsOf(requestFor(context, { "vernemq.conf": text }));
}

describe("settings of a plugin that somebody wrote", () => {
  it("are taken as they are, with references, the last one of each", (t) => {
    const text = "mine.url = http://$(HOST)/#no\nmine.token.file = x\nmine.token.file = $(retry_interval)";
    const configuration = load(t, `${text}\n${PLUGIN}`, { env: { HOST: "h" } });
    assert.deepEqual(configuration.ownSettings("mine"), { url: "http://h/", "token.file": "20" });
    assert.deepEqual(configuration.ownSettings("min"), {});
  });

  it("are errors where no such plugin is named, and below words of the broker", (t) => {
    const absent = "there is no option of this name";
    assert.deepEqual(errors(t, "mine.url = x"), [`vernemq.conf:1: mine.url: ${absent}`]);
    assert.deepEqual(errors(t, `${PLUGIN}mines.url = x\nmine = x`), [
      `vernemq.conf:3: mines.url: ${absent}`,
      `vernemq.conf:4: mine: ${absent}`,
    ]);
    const [error] = errors(t, "plugins.listener = on\nplugins.listener.path = /plugins\nlistener.tpc.a = x");
    assert.match(
      error ?? "",
      /^vernemq.conf:3: listener.tpc.a: there is no option of this name; did you mean/,
    );
    const [dangling] = errors(t, `${PLUGIN}mine.url = $(nothing)`);
    assert.match(dangling ?? "", /^vernemq.conf:3: mine.url: refers to nothing/);
  });

  it("are shown masked, and need a restart when they change", (t) => {
    const configuration = load(t, `${PLUGIN}mine.password = geheim\nmine.url = x`);
    assert.ok(configuration.effective().includes("mine.password = ******"));
    assert.ok(!configuration.effective().join().includes("geheim"));
    const fresh = load(t, `${PLUGIN}mine.password = other\nmine.size = 1`);
    const { changed, needRestart } = configuration.adopt(fresh);
    assert.deepEqual(changed, []);
    assert.deepEqual(
      needRestart.map(({ key, present, wanted, place }) => [key, present, wanted, place?.line]),
      [
        ["mine.password", "******", "******", 3],
        ["mine.size", undefined, "******", 4],
        ["mine.url", "******", undefined, undefined],
      ],
    );
  });
});
